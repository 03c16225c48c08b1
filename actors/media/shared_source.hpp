#pragma once

#include "actors/media/remote_source.hpp"

#include <condition_variable>
#include <deque>
#include <thread>

namespace troupe::work {

/// A file of another node while anybody here reads it: one thread of its own that fetches what read_ahead says, tries
/// again where that helps, and answers who waits.
///
/// A holder is an attempt with its address; a reader is one operation of it. Thread safe.
class shared_source {
public:
  struct parts {
    std::shared_ptr<ports::source_cache> cache;
    std::shared_ptr<ports::peer_files> peers;
    const clock* time = nullptr;
    std::function<uint64_t()> random;
    remote_settings how;
  };

  /// std::system_error when there is no thread left.
  shared_source(remote_file what, std::shared_ptr<ports::cached_source> file, parts with);
  /// Cancels what is on its way; waits for a call of an address source to return. Not on the thread of a callback.
  ~shared_source();
  shared_source(const shared_source&) = delete;
  shared_source& operator=(const shared_source&) = delete;

  uint64_t hold(address_source address, wait_listener waits = {});
  /// Its needs are refused with errc::cancelled, its transfers cancelled. No call of its address source and listener is
  /// under way afterwards.
  void release(uint64_t holder);
  /// A new reader. It may outlive all of this, and then gets nothing.
  std::shared_ptr<byte_supply> read(uint64_t holder, uint64_t expected);
  const std::shared_ptr<ports::cached_source>& file() const noexcept;

  class core;

private:
  std::shared_ptr<core> core_;
  std::thread thread_;
};

} // namespace troupe::work

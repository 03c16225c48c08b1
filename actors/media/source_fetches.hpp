#pragma once

#include "protocol/model/byte_spans.hpp"
#include "protocol/model/time.hpp"
#include "protocol/ports/peer_files.hpp"
#include "protocol/ports/source_cache.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>

namespace troupe::work {

uint64_t bytes_of(const std::vector<byte_span>& pieces) noexcept;

/// What is on its way of one file of another node into the cache's file, and what has come of it. Used under the
/// inbox's mutex, by one thread but for cancel(); what blocks lets go of the lock meanwhile.
class source_fetches {
public:
  using lock_type = std::unique_lock<std::mutex>;

  /// Some bytes, for whom, and where they are asked for.
  struct order {
    uint64_t holder = 0;
    std::vector<byte_span> what;
    std::string url;
  };
  struct ended_fetch {
    uint64_t id = 0;
    order of;
    /// From the front of its pieces: here, confirmed and marked.
    uint64_t bytes = 0;
    /// errc::none: all of it.
    error failure{errc::none, {}};
  };

  /// What transfers tell, on the client's thread, which may outlive everything else.
  struct inbox {
    std::mutex mutex;
    /// Something has come, or has to be thought of.
    std::condition_variable changed;
    std::deque<std::pair<uint64_t, ports::peer_files::fetched>> ended;
    /// When a byte came last: who reads it may have slept since.
    std::atomic<mono_time> moved{mono_time{}};
  };

  /// `begin`: which byte of the other node's file is the first of `file`.
  source_fetches(std::shared_ptr<inbox> box, std::shared_ptr<ports::cached_source> file, uint64_t begin,
                 std::shared_ptr<ports::source_cache> cache, std::shared_ptr<ports::peer_files> peers,
                 const clock& time);

  /// For bytes that are going to be fetched; errc::storage_full.
  result<void> make_room(lock_type& lock, uint64_t bytes);
  /// The disk is fuller than it had said before. True: what nobody needs made room.
  bool made_room(lock_type& lock, uint64_t bytes);

  void start(lock_type& lock, uint64_t id, order what);
  /// Those of this holder; they end like others.
  void cancel(lock_type& lock, uint64_t holder);
  /// The first that has ended, if there is one that was not left.
  std::optional<ended_fetch> take_ended(lock_type& lock);
  /// Cancels all, and holds nothing of the world any more.
  void leave(lock_type& lock);

private:
  struct running {
    order of;
    std::shared_ptr<ports::transfer> transfer;
  };

  /// The first so many bytes of the pieces are here.
  result<void> mark(const std::vector<byte_span>& pieces, uint64_t bytes);

  const std::shared_ptr<inbox> inbox_;
  std::shared_ptr<ports::cached_source> file_;
  const uint64_t begin_;
  std::shared_ptr<ports::source_cache> cache_;
  std::shared_ptr<ports::peer_files> peers_;
  const clock& clock_;
  std::map<uint64_t, running> running_;
};

} // namespace troupe::work

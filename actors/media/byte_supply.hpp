#pragma once

#include "protocol/model/result.hpp"
#include "protocol/ports/source_cache.hpp"

#include <functional>

namespace troupe::work {

/// Fills the holes of a source that is only partly here, as an operation needs its bytes.
class byte_supply {
public:
  virtual ~byte_supply() = default;

  /// Of the whole source, bytes.
  virtual uint64_t size() const noexcept = 0;
  /// `wanted` is not empty and within the source. `answer` is called exactly once, on any thread and perhaps before
  /// this returns, and may only post a message or wake a thread: with what is readable from then on, which covers
  /// `wanted`, or with a sentence for people. Never blocks; how long it may take is the supply's to limit. Any thread.
  virtual void need(byte_span wanted, std::function<void(result<byte_span>)> answer) = 0;
  /// A hint: behind what was told before, these are needed next, in this order, and nothing else is. None is empty, all
  /// are within the source. Never blocks; any thread.
  virtual void announce(const std::vector<byte_span>& coming) = 0;
};

} // namespace troupe::work

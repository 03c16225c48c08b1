#pragma once

#include "protocol/model/executor.hpp"

#include <atomic>
#include <functional>

namespace troupe::media {

/// What an operation needs from its surroundings. Borrowed for the operation's time.
struct task {
  /// Set by another thread: the operation stops within a frame and answers errc::cancelled.
  const std::atomic<bool>& cancelled;
  /// Called on the operation's own thread, at most 10 times a second; may be empty.
  std::function<void(const exec::progress&)> progress;
};

} // namespace troupe::media

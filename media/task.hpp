#pragma once

#include "media/fd.hpp"
#include "media/source_file.hpp"
#include "protocol/model/executor.hpp"
#include "protocol/model/result.hpp"

#include <atomic>
#include <functional>
#include <string>

namespace troupe::media {

/// What an operation needs from its surroundings. Borrowed for the operation's time.
struct task {
  /// Set by another thread: the operation stops within a frame and answers errc::cancelled.
  const std::atomic<bool>& cancelled;
  /// Called on the operation's own thread, at most 10 times a second; may be empty.
  std::function<void(const exec::progress&)> progress{};
  /// A new, empty file of that name among the operation's outputs, readable and writable; whoever started the operation
  /// decides where it lies. For operations whose number of outputs is not known before (segments, sprite sheets).
  /// Blocks; any thread. Empty where an operation needs none.
  std::function<result<owned_fd>(const std::string& name)> create{};
  /// What the source may ask for.
  exec::limits limits{};
  /// Of a request whose source is only partly here; else nullptr.
  missing_bytes* missing = nullptr;
};

} // namespace troupe::media

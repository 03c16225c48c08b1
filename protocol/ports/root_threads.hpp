#pragma once

#include "protocol/model/result.hpp"

#include <functional>
#include <string>

namespace troupe::ports {

/// Threads for what touches disks, a few for each root (the folder of a library, the data folder): a mount that hangs
/// keeps the threads of its own root and nobody else's. Thread safe; no call blocks.
///
/// A task may never end: nobody waits for it, and all that it touches it has to share, for its node may be gone by the
/// time. Tasks must not throw.
class root_threads {
public:
  virtual ~root_threads() = default;

  /// Something new: runs when one of the root's threads is free. `root`: any name that means it, for the process alone.
  /// errc::unavailable, with retry_after and a sentence without the root's name, while all of its threads hang, or when
  /// no thread is to be had; errc::rate_limited, as that, when too much waits for it already: then it is no worse than
  /// busy, as far as is known.
  virtual result<void> begin(const std::string& root, std::function<void()> task) = 0;
  /// The next step of what was let in: refused only where there is no thread at all. What waits here is bounded by its
  /// callers, who take one step after the other.
  virtual result<void> go_on(const std::string& root, std::function<void()> task) = 0;
};

} // namespace troupe::ports

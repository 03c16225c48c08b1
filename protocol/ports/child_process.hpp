#pragma once

#include "protocol/model/executor.hpp"
#include "protocol/ports/fd.hpp"

#include <functional>
#include <memory>

namespace troupe::ports {

struct child_limits {
  /// RLIMIT_AS in bytes; 0: none.
  uint64_t address_space = 0;
  /// RLIMIT_FSIZE in bytes; 0: none.
  uint64_t file_size = 0;
  /// RLIMIT_NOFILE; 0: as the parent's.
  uint64_t descriptors = 0;
  /// Added to the parent's nice value.
  int nice = 0;
  /// RLIMIT_DATA in bytes: memory of its own that it can write, whatever addresses it reserves; 0: none.
  uint64_t data = 0;
};

struct child_spec {
  /// Absolute path of the program.
  std::string program;
  /// Without the program's own name.
  std::vector<std::string> arguments;
  child_limits limits;
};

struct child_exit {
  /// Exit status, or -1 when a signal ended it.
  int status = -1;
  int signal = 0;
  /// Peak resident memory in bytes.
  uint64_t peak_memory = 0;

  /// "exited with status 1", "killed by signal 9 (SIGKILL)".
  std::string describe() const;
};

/// A child with a framed channel (exec::frame_header) on its descriptor 3. Any thread may call.
class child {
public:
  virtual ~child() = default;
  virtual int pid() const noexcept = 0;
  /// Queued, never blocks; the descriptors are duplicated into the child and closed here once sent. Frames to a child
  /// that is gone are dropped (its exit is told anyway). errc::too_large over exec::max_body_bytes.
  virtual result<void> send(exec::frame what, std::vector<unique_fd> descriptors) = 0;
  /// SIGKILL to its process group. The exit callback follows.
  virtual void kill() = 0;
};

struct child_callbacks {
  /// Each frame from the child, in order.
  std::function<void(exec::frame)> frame;
  /// Once, last: the process has been reaped, nothing of it is left.
  std::function<void(child_exit)> exit;
};

/// Starts children by posix_spawn with everything close-on-exec, each in a process group of its own. Callbacks run on
/// one thread of the implementation: they may only post a message. A child that breaks the framing is killed.
/// Destroying the handle does not end the child; destroying the factory kills and reaps all.
class child_processes {
public:
  virtual ~child_processes() = default;
  virtual result<std::shared_ptr<child>> spawn(const child_spec& spec, child_callbacks callbacks) = 0;
};

} // namespace troupe::ports

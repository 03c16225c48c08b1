#pragma once

#include "protocol/ports/child_process.hpp"

namespace troupe::host {

struct spawned {
  pid_t pid = -1;
  /// Readable when the process has ended.
  unique_fd pidfd;
  /// Our end of the channel, non-blocking.
  unique_fd channel;
};

/// Starts the program with its limits (see start_child_processes). Errors: validation (program is not an absolute
/// path), not_found and forbidden for the program, unavailable when processes or descriptors have run out.
result<spawned> spawn_process(const ports::child_spec& spec);

/// Of "NAME=value" lines those that a child may see: paths, locale, time zone, the loader's and the sanitizers' own,
/// and TROUPE_TEST_*.
std::vector<std::string> child_environment(char* const* ours);

} // namespace troupe::host

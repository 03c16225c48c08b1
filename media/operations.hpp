#pragma once

#include "media/fd.hpp"
#include "media/task.hpp"
#include "protocol/model/result.hpp"

#include <string>
#include <vector>

namespace troupe::media {

/// Runs one request of the executor protocol and returns the JSON body of its answer. The boundary of this room: no
/// exception leaves it, memory that is out becomes errc::unavailable. errc::protocol when the descriptors do not fit
/// the operation. Blocks until done; one at a time in a process (the log capture is the process's).
result<std::string> run_operation(const exec::request& request, const std::vector<owned_fd>& descriptors,
                                  const task& job) noexcept;

} // namespace troupe::media

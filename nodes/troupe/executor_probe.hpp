#pragma once

#include "protocol/model/result.hpp"

#include <string>

namespace troupe::cli {

/// Path of a program in the folder of the running one.
std::string beside_this_program(const std::string& name);

/// Starts an executor, waits at most 5 s for its `ready` frame (protocol/model/executor.hpp), ends it, and gives the
/// frame's body: {"version","encoders":[…]}.
result<std::string> probe_executor(const std::string& path);

} // namespace troupe::cli

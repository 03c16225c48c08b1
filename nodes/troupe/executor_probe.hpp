#pragma once

#include "protocol/model/executor.hpp"

#include <string>

namespace troupe::cli {

/// Path of a program in the folder of the running one.
std::string beside_this_program(const std::string& name);

/// Starts an executor with whatever sandbox the machine offers, waits at most 5 s for its `ready` frame, ends it, and
/// says what it said.
result<exec::readiness> probe_executor(const std::string& path);

} // namespace troupe::cli

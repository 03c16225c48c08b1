#pragma once

#include "protocol/model/result.hpp"

#include <functional>

namespace troupe::host {

/// Runs `program --version` and gives the first line of what it prints. `program` is a path or a name to look for in
/// PATH. Each call uses a thread of its own, on which `done` runs; the program is killed after 4 s. errc::not_found
/// when there is no such program (or its name is empty), errc::timeout, errc::io when it fails.
std::function<void(std::function<void(result<std::string>)>)> program_version(std::string program);

} // namespace troupe::host

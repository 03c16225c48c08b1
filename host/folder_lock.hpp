#pragma once

#include "protocol/model/result.hpp"
#include "protocol/ports/fd.hpp"

#include <string>

namespace troupe::host {

/// This process alone works in the folder, which is there, as long as the descriptor is open: an advisory lock of its
/// file "lock", which says who that is. errc::conflict when another process has it; errc::io.
result<unique_fd> lock_folder(const std::string& folder);
/// The same of a folder that is open (O_PATH is enough), whatever has its name by now.
result<unique_fd> lock_folder(int folder, const std::string& name);

} // namespace troupe::host

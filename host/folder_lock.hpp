#pragma once

#include "protocol/model/result.hpp"
#include "protocol/ports/fd.hpp"

#include <string>

namespace troupe::host {

/// This process alone works in the folder, which is there, as long as the descriptor is open: an advisory lock of its
/// file "lock", which says who that is. errc::conflict when another process has it; errc::io.
result<unique_fd> lock_folder(const std::string& folder);

} // namespace troupe::host

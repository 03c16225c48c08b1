#pragma once

// errno → troupe::error, the one table of this room.

#include "protocol/model/error.hpp"

#include <string_view>

namespace troupe::host {

/// "<doing> <path>: <reason>", with errc not_found, forbidden, conflict (EEXIST), storage_full (ENOSPC, EDQUOT),
/// unavailable (out of descriptors, processes or memory), too_large (EFBIG) or io.
error system_error(int error_number, std::string_view doing, std::string_view what);

} // namespace troupe::host

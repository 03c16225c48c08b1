#pragma once

#include "protocol/model/error.hpp"

namespace troupe::net {

/// What errno says of a file that is written or read: errc::storage_full, too_large (more than a file may have here),
/// or io.
error disk_error(int number, const std::string& what);

} // namespace troupe::net

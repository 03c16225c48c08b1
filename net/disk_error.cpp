#include "net/disk_error.hpp"

#include <cerrno>
#include <cstring>

namespace troupe::net {

error disk_error(int number, const std::string& what) {
  if (number == ENOSPC || number == EDQUOT)
    return {errc::storage_full, what + ": no space is left on the disk"};
  auto* reason = ::strerrordesc_np(number);
  return {number == EFBIG ? errc::too_large : errc::io, what + ": " + (reason ? reason : "unknown error")};
}

} // namespace troupe::net

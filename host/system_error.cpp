#include "host/system_error.hpp"

#include <cerrno>
#include <cstring>

namespace troupe::host {

namespace {

errc code_of(int error_number) noexcept {
  switch (error_number) {
  case ENOENT:
  case ENOTDIR:
    return errc::not_found;
  case EACCES:
  case EPERM:
  case EROFS:
  case ELOOP:
    return errc::forbidden;
  case EEXIST:
  case ENOTEMPTY:
    return errc::conflict;
  case ENOSPC:
  case EDQUOT:
    return errc::storage_full;
  case EMFILE:
  case ENFILE:
  case EAGAIN:
  case ENOMEM:
    return errc::unavailable;
  case EFBIG:
    return errc::too_large;
  default:
    return errc::io;
  }
}

} // namespace

error system_error(int error_number, std::string_view doing, std::string_view what) {
  std::string text{"can't "};
  text.append(doing).append(" ").append(what).append(": ");
  auto reason = ::strerrordesc_np(error_number);
  text += reason != nullptr ? std::string{reason} : "error " + std::to_string(error_number);
  return {code_of(error_number), std::move(text)};
}

} // namespace troupe::host

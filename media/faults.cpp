#include "media/faults.hpp"

#include "media/av.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <system_error>

namespace troupe::media {

namespace {

/// Whether hardly more than what an encoder takes is left of the limit on memory.
bool memory_is_short() noexcept {
  constexpr size_t encoder_bytes = 256 << 20;
  auto* room = ::mmap(nullptr, encoder_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED)
    return true;
  ::munmap(room, encoder_bytes);
  return false;
}

} // namespace

std::string av_text(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return text;
}

error system_error(int number, std::string_view what) {
  auto message = std::string(what) + ": " + std::generic_category().message(number);
  switch (number) {
  case ENOSPC:
  case EDQUOT:
    return {errc::storage_full, message + "; free some space where the results go"};
  case EFBIG:
    return {errc::too_large, message + "; raise the executor's limit on the size of a file"};
  case ENOMEM:
  // No thread can be started: its stack does not fit.
  case EAGAIN:
    return {errc::unavailable, message + "; raise the executor's memory limit"};
  default:
    return {errc::io, std::move(message)};
  }
}

error av_error(int code, std::string_view what) {
  if (code == AVERROR_EXIT)
    return cancelled_error();
  switch (AVUNERROR(code)) {
  case ENOSPC:
  case EDQUOT:
  case EFBIG:
  case ENOMEM:
  case EAGAIN:
    return system_error(AVUNERROR(code), what);
  // x264 and others know no error but one.
  case AVUNERROR(AVERROR_EXTERNAL):
    if (memory_is_short())
      return system_error(ENOMEM, what);
    [[fallthrough]];
  default:
    return {errc::bad_media, std::string(what) + ": " + av_text(code)};
  }
}

error cancelled_error() {
  return {errc::cancelled, "the operation was cancelled"};
}

} // namespace troupe::media

#include "media/mp4_layout.hpp"

#include <unistd.h>

#include <cstdint>
#include <cstring>

namespace troupe::media {

namespace {

uint64_t big_endian(const unsigned char* p, int bytes) noexcept {
  uint64_t x = 0;
  for (int i = 0; i < bytes; ++i)
    x = x << 8 | p[i];
  return x;
}

} // namespace

bool moov_comes_first(int fd) noexcept {
  int64_t at = 0;
  // Our own files have a handful of boxes at the top: a thousand is someone else's joke.
  for (int box = 0; box < 1000; ++box) {
    unsigned char head[16] = {};
    auto n = ::pread(fd, head, sizeof head, at);
    if (n < 8)
      return false;
    if (std::memcmp(head + 4, "moov", 4) == 0)
      return true;
    if (std::memcmp(head + 4, "mdat", 4) == 0)
      return false;
    auto size = big_endian(head, 4);
    if (size == 1 && n == 16)
      size = big_endian(head + 8, 8);
    if (size < 8 || size > static_cast<uint64_t>(INT64_MAX - at))
      return false;
    at += static_cast<int64_t>(size);
  }
  return false;
}

} // namespace troupe::media

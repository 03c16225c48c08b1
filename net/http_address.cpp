#include "net/http_address.hpp"

#include <netinet/in.h>

#include <cstdint>
#include <cstring>

namespace troupe::net {

namespace {

struct block {
  uint32_t prefix;
  int bits;
};

constexpr uint32_t quad(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr block not_public[] = {
  {quad(0, 0, 0, 0), 8},      {quad(10, 0, 0, 0), 8},     {quad(100, 64, 0, 0), 10}, {quad(127, 0, 0, 0), 8},
  {quad(169, 254, 0, 0), 16}, {quad(172, 16, 0, 0), 12},  {quad(192, 0, 0, 0), 24},  {quad(192, 0, 2, 0), 24},
  {quad(192, 88, 99, 0), 24}, {quad(192, 168, 0, 0), 16}, {quad(198, 18, 0, 0), 15}, {quad(198, 51, 100, 0), 24},
  {quad(203, 0, 113, 0), 24}, {quad(224, 0, 0, 0), 4},    {quad(240, 0, 0, 0), 4},
};

bool is_public_v4(uint32_t x) noexcept {
  for (auto& b : not_public)
    if ((x ^ b.prefix) >> (32 - b.bits) == 0)
      return false;
  return true;
}

uint32_t embedded_v4(const uint8_t* bytes) noexcept {
  return quad(bytes[12], bytes[13], bytes[14], bytes[15]);
}

bool is_public_v6(const uint8_t* x) noexcept {
  constexpr uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  constexpr uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
  if (std::memcmp(x, mapped, 12) == 0 || std::memcmp(x, nat64, 12) == 0)
    return is_public_v4(embedded_v4(x));
  // Global unicast is 2000::/3; in it Teredo and other protocol assignments (2001::/23), documentation, and 6to4.
  if (x[0] >> 5 != 1)
    return false;
  if (x[0] == 0x20 && x[1] == 0x01 && (x[2] < 2 || (x[2] == 0x0d && x[3] == 0xb8)))
    return false;
  return !(x[0] == 0x20 && x[1] == 0x02) && !(x[0] == 0x3f && x[1] == 0xff && x[2] >> 4 == 0);
}

} // namespace

bool is_public_address(const sockaddr* address, socklen_t size) noexcept {
  if (address->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof(v4));
    return is_public_v4(ntohl(v4.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6;
    std::memcpy(&v6, address, sizeof(v6));
    return is_public_v6(v6.sin6_addr.s6_addr);
  }
  return false;
}

} // namespace troupe::net

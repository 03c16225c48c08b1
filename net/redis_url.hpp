#pragma once

#include "protocol/model/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::net {

/// Where a Redis is. Never printed: it holds a password.
struct redis_address {
  std::string host = "127.0.0.1";
  uint16_t port = 6379;
  /// Empty: the default user, or none at all.
  std::string user;
  std::string password;
  uint32_t database = 0;
};

/// "redis://[user][:password]@host[:port][/database]", percent-encoded as URLs are; an IPv6 host in brackets.
/// errc::validation otherwise; the message does not repeat the text.
result<redis_address> parse_redis_url(std::string_view url);

} // namespace troupe::net

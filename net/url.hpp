#pragma once

#include "net/message.hpp"

namespace troupe::net {

/// RFC 3986 percent-decoding; '+' is a space in queries. nullopt: malformed, or a NUL byte.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);
std::string percent_encode(std::string_view text);

/// Fills path and query from `target` (origin-form, absolute-form, or "*" for OPTIONS); false when malformed. More than
/// 64 query parameters are malformed.
bool split_target(request& req);

} // namespace troupe::net

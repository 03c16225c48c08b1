#pragma once

// Header values: parsing what clients send, making what we answer. Pure functions.

#include "protocol/model/time.hpp"

#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::net {

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;
std::string_view trim(std::string_view text) noexcept;
/// Elements of a comma separated list, trimmed, empty ones left out; commas within quotes don't separate.
/// They are views of `text`.
std::vector<std::string_view> split_list(std::string_view text);
std::vector<std::string_view> split_list(std::string&& text) = delete;

/// IMF-fixdate ("Sun, 06 Nov 1994 08:49:37 GMT"), the only format that is sent (RFC 9110, 5.6.7).
std::string http_date(std::time_t when);
/// The three formats that must be understood; nullopt for anything else.
std::optional<std::time_t> parse_http_date(std::string_view text);

/// True when an Accept or Accept-Encoding value takes `what` with a quality over zero. `what` "type/subtype" honours
/// "type/*" and "*/*" only with `wildcards`.
bool accepts(std::string_view value, std::string_view what, bool wildcards);
/// The quality (0 to 1) that the most specific element for `what` has; nullopt when none speaks of it. A malformed
/// weight counts as 0.
std::optional<double> quality_in(std::string_view value, std::string_view what, bool wildcards);

/// A request id of the client's: 1 to 128 of [A-Za-z0-9._:-].
bool valid_request_id(std::string_view text) noexcept;
/// RFC 8941 string or bare token of 1 to 200 visible ASCII characters; without its quotes. nullopt: not allowed.
std::optional<std::string> idempotency_key(std::string_view value);

/// Value of a parameter of a header such as Content-Type ("boundary"); quotes and their escapes undone. nullopt:
/// absent or malformed.
std::optional<std::string> header_parameter(std::string_view value, std::string_view name);
/// The part before the first ';', trimmed.
std::string_view media_type(std::string_view value) noexcept;

} // namespace troupe::net

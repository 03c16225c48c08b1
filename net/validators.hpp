#pragma once

// Entity tags and the preconditions of reads (RFC 9110, 8.8.3 and 13): one place for all routes.

#include "net/content_coding.hpp"
#include "net/message.hpp"

namespace troupe::net {

/// Gives a successful JSON answer to a GET or HEAD a strong tag of its bytes, unless it has one or must not be stored.
void tag_answer(response& out);

/// The tag of the same content in another coding: another representation has another strong tag (8.8.3.3).
std::string coded_tag(const std::string& etag, content_coding coding);

/// If-None-Match, by weak comparison (13.1.2): "*", or the content's tag in any coding.
bool if_none_match(std::string_view value, const std::string& etag);
/// If-Match, by strong comparison (13.1.1): a weak tag never matches.
bool if_match(std::string_view value, const std::string& etag);

} // namespace troupe::net

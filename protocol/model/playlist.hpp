#pragma once

#include <string_view>

namespace troupe {

/// The value of the attribute URI="…" of a tag of an HLS playlist (RFC 8216, 4.2), as a part of `tag`; empty if there
/// is none. What other attributes have in quotes may look like it.
std::string_view uri_attribute(std::string_view tag) noexcept;

} // namespace troupe

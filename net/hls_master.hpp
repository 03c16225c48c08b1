#pragma once

#include <string>
#include <string_view>

namespace troupe::net {

/// The master playlist (RFC 8216, 4.3.4) as it is served from one folder above its own, called `folder`: every relative
/// URI in it is put below that.
std::string master_below(std::string_view playlist, std::string_view folder);

} // namespace troupe::net

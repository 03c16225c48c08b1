#pragma once

#include "media/input.hpp"

namespace troupe::media {

/// The first picture of a stream, by a second reading of the same file: `source` stays where it is. An empty frame
/// (width 0) when there is none among the first few hundred packets. Errors: cancelled, io, unavailable.
result<av::frame> first_picture(input& source, unsigned stream);

} // namespace troupe::media

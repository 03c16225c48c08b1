#pragma once

#include "media/input.hpp"

namespace troupe::media {

/// A picture of the loudness over time of a stream of sound. bad_media when nothing of it can be decoded.
result<av::frame> draw_waveform(input& source, AVStream& stream);

} // namespace troupe::media

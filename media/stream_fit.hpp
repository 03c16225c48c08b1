#pragma once

#include "media/input.hpp"
#include "protocol/model/media.hpp"

namespace troupe::media {

/// Whether a stream is already what the profile asks for, so that copying it costs nothing and loses nothing: codec,
/// size, depth, colours, rates, and no rotation or interlacing that encoding would take out.
bool video_fits(input& source, const AVStream& stream, const media_profile& profile);
bool audio_fits(const AVStream& stream, const media_profile& profile);

} // namespace troupe::media

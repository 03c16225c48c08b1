#pragma once

#include "media/input.hpp"
#include "protocol/model/media.hpp"

namespace troupe::media {

/// Whether a stream is already what the profile asks for, so that copying it costs nothing and loses nothing: codec,
/// size, depth, colours, rates, and no rotation or interlacing that encoding would take out.
bool video_fits(input& source, const AVStream& stream, const media_profile& profile);
bool audio_fits(const AVStream& stream, const media_profile& profile);

/// An edit list that hides pictures: a copy in a container without such lists would show them, or begin with what can't
/// be decoded.
bool hides_pictures(const AVStream& stream);

} // namespace troupe::media

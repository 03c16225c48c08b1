#pragma once

#include "media/av.hpp"

namespace troupe::media {

/// Title and other tags of the film, but for what belonged to the old container.
void copy_film_description(AVFormatContext& out, const AVFormatContext& in);
/// Chapters start at 0, as the packets do, and end with the film of so many seconds (0: not known).
void copy_chapters(AVFormatContext& out, const AVFormatContext& in, double seconds);

} // namespace troupe::media

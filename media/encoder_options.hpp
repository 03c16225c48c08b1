#pragma once

#include "media/av.hpp"
#include "media/encoder.hpp"

namespace troupe::media {

/// Says `settings` in the words of the encoder that `context` is for: quality, speed, peak rate, keyframes, HDR
/// metadata. What the encoder does not know of is left out.
void set_video_options(const video_settings& settings, AVCodecContext& context, av::options& options);

} // namespace troupe::media

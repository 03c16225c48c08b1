#pragma once

#include "media/frame_score.hpp"
#include "media/keyframe_reader.hpp"
#include "media/picture.hpp"

namespace troupe::media {

struct telling_frame {
  av::frame picture;
  /// Seconds from the start of the stream.
  double position = 0;
  frame_score score;
};

/// Looks for the frame that tells most of a film: keyframes at a few places first, only as many as needed; when there
/// are too few of them, or all are poor, the beginning frame by frame. What it decodes is bounded whatever the file
/// says. bad_media when no picture can be decoded at all.
result<telling_frame> find_telling_frame(input& source, AVStream& stream, picture_maker& maker,
                                         const decoder_settings& settings);

} // namespace troupe::media

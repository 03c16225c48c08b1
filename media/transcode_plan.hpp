#pragma once

#include "media/input.hpp"
#include "protocol/model/media.hpp"

#include <string>
#include <vector>

namespace troupe::media {

/// What becomes of one stream of the source.
struct planned_track {
  unsigned stream = 0;
  /// Packets are taken as they are; else decoded, filtered and encoded.
  bool copy = false;
  /// A cover picture: one packet, no time.
  bool cover = false;
  /// libavcodec's name of the encoder.
  std::string encoder;
  /// The filters in libavfilter's text form.
  std::string filters;
  int64_t bit_rate = 0;
  AVRational frame_rate{0, 1};
};

struct transcode_plan {
  std::vector<planned_track> tracks;
  /// What is left out and why, a sentence each.
  std::vector<std::string> warnings;
};

/// First video, all sound, and the cover and text tracks that the container can hold. Errors: unprocessable when
/// nothing would remain, a codec or container is not known, or the container can't hold what is to be copied.
result<transcode_plan> make_plan(input& source, const media_profile& profile);

/// The same operation as an ffmpeg command line.
std::string command_line(const transcode_plan& plan, const media_profile& profile, input& source);

/// Seconds that the output should last: the longest of the streams that the profile keeps, or the container's
/// duration when a stream does not tell.
double expected_duration(const media_info& source, const media_profile& profile);

} // namespace troupe::media

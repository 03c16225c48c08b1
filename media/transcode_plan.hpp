#pragma once

#include "media/encoder.hpp"
#include "media/input.hpp"
#include "media/sound_format.hpp"
#include "media/transcode_filters.hpp"
#include "protocol/model/media.hpp"

#include <string>
#include <vector>

namespace troupe::media {

/// What becomes of one stream of the source.
enum class track_way : uint8_t {
  /// Packets are taken as they are.
  copy,
  /// A cover picture: one packet, no time.
  cover,
  /// Decoded, filtered, encoded.
  code,
  /// A subtitle in the text format of the container.
  subtitle,
  /// Its packets tell the time to the others, and nothing is made of them.
  aside,
};

struct planned_track {
  unsigned stream = 0;
  track_way way = track_way::copy;
  /// libavcodec's name of the encoder.
  std::string encoder;
  /// The filters in libavfilter's text form; deinterlacing comes before them when the frames ask for it.
  std::string filters;
  // video
  picture_fit fit;
  video_settings video;
  AVRational frame_rate{0, 1};
  /// Frames that follow sooner than this are dropped, seconds; 0: none.
  double min_frame_time = 0;
  /// The source's HDR stays, and so does its metadata.
  bool hdr = false;
  // audio
  sound_format sound;
};

struct transcode_plan {
  std::vector<planned_track> tracks;
  /// What is left out and why, a sentence each.
  std::vector<std::string> warnings;
};

/// First video, all sound, all subtitles, covers and attachments that the container can hold. Errors: unprocessable
/// when nothing would remain, a codec or container is not known, or the container can't hold what is to be copied.
result<transcode_plan> make_plan(input& source, const media_profile& profile);

// One track alone, for outputs that make_plan does not know (variants of a ladder).

/// A video that is encoded, at most as large as that (0: no limit). unprocessable for an unknown codec; that no
/// hardware encoder works is told in `warnings`.
result<planned_track> plan_video(input& source, AVStream& stream, const media_profile& profile, uint32_t max_width,
                                 uint32_t max_height, std::vector<std::string>& warnings);
result<planned_track> plan_audio(const AVStream& stream, const media_profile& profile);
/// Whether it is text, and not pictures of text.
bool is_text_subtitle(const AVStream& stream) noexcept;
/// "stream 3 (audio, aac)": for messages.
std::string name_of(const AVStream& stream);

/// The video that is to be encoded; nullptr: there is none, or its packets are taken as they are.
const planned_track* encoded_video(const transcode_plan& plan, input& source);

/// Leaves the video to others (encode_chunk). Where timestamps may jump it is still read, so that they are found as
/// they are with it and the sound fits; elsewhere its track goes from the plan. False: nothing else is there.
bool set_video_aside(transcode_plan& plan, input& source);

/// Seconds that the output should last: the longest of the streams that the profile keeps, or the container's
/// duration when a stream does not tell.
double expected_duration(const media_info& source, const media_profile& profile);

} // namespace troupe::media

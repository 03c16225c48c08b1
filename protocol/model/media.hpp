#pragma once

// What is known of a media file, and what can be made of it. Numbers as ffprobe gives them, in plain units.

#include "protocol/model/error.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace troupe {

/// An exact fraction; 0/0 is unknown.
struct rational {
  int64_t num = 0;
  int64_t den = 0;

  bool operator==(const rational&) const = default;
};

/// SMPTE ST 2086: the display on which HDR content was graded. Chromaticities in CIE 1931 xy, luminance in cd/m².
struct mastering_display {
  bool has_primaries = false;
  bool has_luminance = false;
  rational red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y;
  rational min_luminance, max_luminance;

  bool operator==(const mastering_display&) const = default;
};

/// CTA-861.3, in cd/m².
struct content_light {
  uint32_t max_content = 0;
  uint32_t max_average = 0;

  bool operator==(const content_light&) const = default;
};

/// The Dolby Vision decoder configuration record (dvcC, dvvC).
struct dolby_vision {
  uint32_t version_major = 0;
  uint32_t version_minor = 0;
  uint32_t profile = 0;
  uint32_t level = 0;
  bool rpu = false;
  bool enhancement_layer = false;
  bool base_layer = false;
  /// What the base layer is without Dolby Vision: 0 nothing usable, 1 HDR10, 2 SDR, 4 HLG.
  uint32_t compatibility = 0;

  bool operator==(const dolby_vision&) const = default;
};

/// Side data of a stream that has no field of its own: stereo 3D, spherical projection, bit rate limits … with
/// ffprobe's names and texts.
struct stream_side_data {
  std::string type;
  std::map<std::string, std::string> values;

  bool operator==(const stream_side_data&) const = default;
};

struct media_stream {
  uint32_t index = 0;
  /// "video", "audio", "subtitle", "data", "attachment".
  std::string kind;
  std::string codec;
  /// The container's four characters, others as "[n]": "avc1", "[27][0][0][0]"; empty if it has none.
  std::string codec_tag;
  /// The container's own number (the PID in MPEG-TS); 0 in those that have none.
  int64_t id = 0;
  std::string profile;
  int32_t level = -99;
  std::string language;
  std::string title;
  std::map<std::string, std::string> tags;
  /// Seconds a tick, "num/den"; of `start_ticks` and `duration_ticks`.
  std::string time_base;
  std::optional<int64_t> start_ticks;
  /// 0 if unknown.
  int64_t duration_ticks = 0;
  /// Seconds; 0 if unknown.
  double start_time = 0;
  double duration = 0;
  int64_t bit_rate = 0;
  /// As the header counts them; 0 if it does not.
  int64_t frames = 0;
  /// Names of the set flags: "default", "forced", "attached_pic" …
  std::vector<std::string> dispositions;
  std::vector<stream_side_data> side_data;
  // video (width and height also of bitmap subtitles)
  uint32_t width = 0;
  uint32_t height = 0;
  /// As the decoder will allocate it, when that is larger than the picture shown; else 0.
  uint32_t coded_width = 0;
  uint32_t coded_height = 0;
  std::string pixel_format;
  uint32_t bit_depth = 0;
  /// Frames a second as "num/den": the average if known, else the base rate.
  std::string frame_rate;
  /// Empty if unknown. The base rate is the lowest in which all timestamps can be told.
  std::string average_frame_rate;
  std::string base_frame_rate;
  std::string sample_aspect;
  std::string display_aspect;
  std::string field_order;
  std::string color_space;
  std::string color_transfer;
  std::string color_primaries;
  std::string color_range;
  std::string chroma_location;
  /// Frames that a decoder holds back to put them in order; 0 without B-frames.
  int32_t reorder_frames = 0;
  /// H.264: bytes of a NAL unit's length (avcC); 0: Annex B start codes.
  uint32_t nal_length_size = 0;
  /// Clockwise degrees a player turns the picture: 0, 90, 180, 270.
  int32_t rotation = 0;
  /// The whole display matrix (ISO/IEC 14496-12, 8.3.2), 9 numbers or none.
  std::vector<int32_t> display_matrix;
  std::optional<mastering_display> mastering;
  std::optional<content_light> light;
  std::optional<dolby_vision> dolby;
  /// SMPTE ST 2094-40 metadata is in the first packets.
  bool hdr10_plus = false;
  /// CTA-608 or 708 captions are in the first packets of the picture.
  bool closed_captions = false;
  bool film_grain = false;
  // audio
  std::string sample_format;
  uint32_t sample_rate = 0;
  uint32_t channels = 0;
  std::string channel_layout;
  /// Of a stored sample, 0 where the codec has no fixed number.
  uint32_t bits_per_sample = 0;
  /// Of a sample or colour component before it was padded; 0 if unknown.
  uint32_t bits_per_raw_sample = 0;

  bool operator==(const media_stream&) const = default;
};

struct media_chapter {
  double start = 0;
  double end = 0;
  std::string title;
  int64_t id = 0;
  /// Seconds a tick; `start` and `end` are whole numbers of ticks, exact when rounded to them.
  std::string time_base;
  std::map<std::string, std::string> tags;

  bool operator==(const media_chapter&) const = default;
};

struct media_info {
  /// libav's format name ("mov,mp4,m4a,3gp,3g2,mj2").
  std::string format;
  double duration = 0;
  double start_time = 0;
  int64_t bit_rate = 0;
  uint64_t size = 0;
  /// Programmes of a broadcast stream.
  uint32_t programs = 0;
  std::map<std::string, std::string> tags;
  std::vector<media_stream> streams;
  std::vector<media_chapter> chapters;
  /// Damage and lies that were seen while reading, a sentence each.
  std::vector<std::string> warnings;
  /// Hash of the size and of parts of the file: the same content elsewhere has the same one.
  std::string fingerprint;

  bool operator==(const media_info&) const = default;

  /// The first stream of a kind that is not an attached picture; nullptr if there is none.
  const media_stream* first(std::string_view kind) const noexcept;
};

/// One variant of an HLS ladder. The picture is scaled down to fit, never up; rungs larger than the source are left
/// out.
struct ladder_rung {
  uint32_t max_width = 0;
  uint32_t max_height = 0;
  /// Bits a second on average; the peak is at most twice that.
  uint32_t video_bit_rate = 0;

  bool operator==(const ladder_rung&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, ladder_rung& x) {
  return f(x.max_width, x.max_height, x.video_bit_rate);
}

/// What to make of a file. Codec "copy" takes the packets as they are, "none" drops the streams.
struct media_profile {
  std::string name;
  /// One line for people who choose.
  std::string description;
  /// libav's muxer name: "mp4", "matroska", "webm", "ipod" …; "hls" for a ladder.
  std::string container = "mp4";
  /// File name extension without the dot.
  std::string extension = "mp4";
  /// "h264", "hevc", "av1", "vp9", "copy" or "none".
  std::string video_codec = "h264";
  /// The picture is scaled down to fit, never up; 0: no limit.
  uint32_t max_width = 0;
  uint32_t max_height = 0;
  /// Frames a second at most; 0: no limit. Frames are dropped, never made up.
  double max_frame_rate = 0;
  /// Constant quality in the encoder's own scale (libx264 and libx265 0 to 51, libsvtav1 and libvpx 0 to 63).
  uint32_t crf = 23;
  /// The encoder's own name or number for speed against size; empty: its default.
  std::string preset = "veryfast";
  /// Peak bits a second over a buffer of two seconds; 0: no limit.
  uint32_t max_bit_rate = 0;
  /// Of the output, 8 or 10; a source with fewer keeps its own.
  uint32_t bit_depth = 8;
  /// Whether HDR stays HDR (needs a bit depth of 10); else it is tone-mapped to BT.709.
  bool keep_hdr = false;
  /// Seconds between keyframes at most; 0: the encoder's default.
  double keyframe_interval = 0;
  /// Streams that are already what the profile asks for are copied. The built-in profiles that encode one file do.
  bool copy_fitting = false;
  /// Use a hardware encoder that passed its test encode on this machine, when there is one.
  bool hardware = false;
  std::string audio_codec = "aac";
  /// Bits a second of a stereo track; others in proportion.
  uint32_t audio_bit_rate = 160'000;
  /// Tracks with more channels are mixed down; 0: no limit.
  uint32_t max_channels = 0;
  /// Integrated loudness to aim at, LUFS (EBU R 128), measured in a first pass; 0: loudness is left alone.
  double loudness = 0;
  /// Subtitle tracks go along, converted where the container has a text format of its own.
  bool subtitles = true;
  /// mp4: the index stands at the front.
  bool faststart = true;
  /// HLS: the variants, best first, and the target length of a segment.
  std::vector<ladder_rung> ladder;
  double segment_seconds = 6;

  bool operator==(const media_profile&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, media_profile& x) {
  return f(x.name, x.description, x.container, x.extension, x.video_codec, x.max_width, x.max_height, x.max_frame_rate,
           x.crf, x.preset, x.max_bit_rate, x.bit_depth, x.keep_hdr, x.keyframe_interval, x.copy_fitting, x.hardware,
           x.audio_codec, x.audio_bit_rate, x.max_channels, x.loudness, x.subtitles, x.faststart, x.ladder,
           x.segment_seconds);
}

/// The built-in profiles; a coordinator's configuration may add to them and replace them. What a profile may say:
/// profile_rules.hpp.
const std::vector<media_profile>& builtin_profiles();
/// Of the built-in ones.
const media_profile* find_profile(std::string_view name) noexcept;

} // namespace troupe

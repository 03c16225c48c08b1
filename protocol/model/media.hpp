#pragma once

// What is known of a media file, and what can be made of it. Numbers as ffprobe gives them, in plain units.

#include "protocol/model/error.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace troupe {

struct media_stream {
  uint32_t index = 0;
  /// "video", "audio", "subtitle", "data", "attachment".
  std::string kind;
  std::string codec;
  std::string profile;
  int32_t level = -99;
  std::string language;
  std::string title;
  /// Seconds; 0 if unknown.
  double duration = 0;
  int64_t bit_rate = 0;
  /// Names of the set flags: "default", "forced", "attached_pic" …
  std::vector<std::string> dispositions;
  // video
  uint32_t width = 0;
  uint32_t height = 0;
  std::string pixel_format;
  uint32_t bit_depth = 0;
  /// Frames a second as "num/den".
  std::string frame_rate;
  std::string sample_aspect;
  std::string field_order;
  std::string color_space;
  std::string color_transfer;
  std::string color_primaries;
  std::string color_range;
  /// Clockwise degrees a player turns the picture: 0, 90, 180, 270.
  int32_t rotation = 0;
  // audio
  uint32_t sample_rate = 0;
  uint32_t channels = 0;
  std::string channel_layout;

  bool operator==(const media_stream&) const = default;
};

struct media_chapter {
  double start = 0;
  double end = 0;
  std::string title;

  bool operator==(const media_chapter&) const = default;
};

struct media_info {
  /// libav's format name ("mov,mp4,m4a,3gp,3g2,mj2").
  std::string format;
  double duration = 0;
  double start_time = 0;
  int64_t bit_rate = 0;
  uint64_t size = 0;
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

/// One variant of an HLS ladder. The picture is scaled down to fit, never up; rungs larger than the source are left out.
struct ladder_rung {
  uint32_t max_width = 0;
  uint32_t max_height = 0;
  /// Bits a second on average; the peak is at most twice that.
  uint32_t video_bit_rate = 0;

  bool operator==(const ladder_rung&) const = default;
};

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
  /// Streams that are already what the profile asks for are copied.
  bool copy_fitting = true;
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

/// The built-in profiles; a node's configuration may add to them and replace them.
const std::vector<media_profile>& builtin_profiles();
const media_profile* find_profile(std::string_view name) noexcept;

} // namespace troupe

#pragma once

// What a profile may say: the one place of truth for configuration, requests, job payloads and the command line.

#include "protocol/model/media.hpp"

#include <span>
#include <string_view>

namespace troupe {

/// `field` by its JSON name; "ladder[2].maxWidth" within a list.
struct field_problem {
  std::string field;
  std::string reason;

  bool operator==(const field_problem&) const = default;
};

/// A file format that may be written.
struct container_rule {
  /// libav's name of the muxer: what a profile holds.
  std::string_view muxer;
  /// What people call it; the same where they do.
  std::string_view name;
  /// File name extensions, the usual one first.
  std::span<const std::string_view> extensions;
  /// Codecs that it can hold, the usual one first.
  std::span<const std::string_view> video;
  std::span<const std::string_view> audio;
};

/// A codec of pictures with what its encoder takes.
struct video_codec_rule {
  std::string_view name;
  uint32_t max_crf = 0;
  uint32_t usual_crf = 0;
  std::span<const std::string_view> presets;
  std::string_view usual_preset;
  bool ten_bit = false;
};

/// By either name; nullptr for one that may not be written.
const container_rule* find_container(std::string_view name) noexcept;
/// nullptr for what is not encoded ("copy", "none") or not known.
const video_codec_rule* find_video_codec(std::string_view name) noexcept;

/// Everything that is wrong with a profile, each with what is allowed; empty: it can be used.
std::vector<field_problem> problems_of(const media_profile& x);

/// It makes a folder of segments and playlists (job kind "hls"), not one file (job kind "transcode").
inline bool makes_ladder(const media_profile& x) noexcept {
  return x.container == "hls";
}

} // namespace troupe

#include "protocol/model/media.hpp"

#include <algorithm>

namespace troupe {

const media_stream* media_info::first(std::string_view kind) const noexcept {
  for (auto& s : streams)
    if (s.kind == kind
        && std::find(s.dispositions.begin(), s.dispositions.end(), "attached_pic") == s.dispositions.end())
      return &s;
  return nullptr;
}

namespace {

/// `peak`: twice what Apple's HLS authoring specification gives a picture of this size on average. It also keeps a
/// stream that is far larger than it has to be from being copied.
media_profile web(std::string name, uint32_t width, uint32_t height, uint32_t peak) {
  media_profile p;
  p.name = std::move(name);
  p.description = "H.264 and AAC in mp4, at most " + std::to_string(height) + " lines: plays everywhere";
  p.max_width = width;
  p.max_height = height;
  p.max_bit_rate = peak;
  p.copy_fitting = true;
  return p;
}

media_profile hevc() {
  media_profile p;
  p.name = "hevc";
  p.description = "H.265 and AAC in mp4, 10 bit and HDR kept: half the size for newer devices";
  p.video_codec = "hevc";
  p.crf = 26;
  p.preset = "fast";
  p.bit_depth = 10;
  p.keep_hdr = true;
  p.copy_fitting = true;
  return p;
}

media_profile av1() {
  media_profile p;
  p.name = "av1";
  p.description = "AV1 (SVT) and Opus in Matroska, 10 bit and HDR kept: smallest, for keeping";
  p.container = "matroska";
  p.extension = "mkv";
  p.video_codec = "av1";
  p.crf = 32;
  p.preset = "8";
  p.bit_depth = 10;
  p.keep_hdr = true;
  p.copy_fitting = true;
  p.audio_codec = "opus";
  p.audio_bit_rate = 128'000;
  return p;
}

media_profile webm() {
  media_profile p;
  p.name = "webm";
  p.description = "VP9 and Opus in WebM, at most 1080 lines: free formats for browsers";
  p.container = "webm";
  p.extension = "webm";
  p.video_codec = "vp9";
  p.max_width = 1920;
  p.max_height = 1080;
  p.crf = 32;
  p.preset = "4";
  p.copy_fitting = true;
  p.audio_codec = "opus";
  p.audio_bit_rate = 128'000;
  return p;
}

media_profile remux() {
  media_profile p;
  p.name = "remux";
  p.description = "Every stream as it is, in mp4: seconds, and no loss";
  p.video_codec = "copy";
  p.audio_codec = "copy";
  return p;
}

media_profile audio_only() {
  media_profile p;
  p.name = "audio-only";
  p.description = "AAC in m4a, without the picture";
  p.container = "ipod";
  p.extension = "m4a";
  p.video_codec = "none";
  p.copy_fitting = true;
  return p;
}

/// The H.264 ladder of Apple's HLS authoring specification for 16:9, without its duplicates for high motion.
media_profile hls() {
  media_profile p;
  p.name = "hls";
  p.description = "HLS with variants from 234 to 1080 lines: adapts to the viewer's line";
  p.container = "hls";
  p.extension = "m3u8";
  p.keyframe_interval = 2;
  p.audio_bit_rate = 128'000;
  p.max_channels = 2;
  p.ladder = {{1920, 1080, 6'000'000}, {1280, 720, 3'000'000}, {960, 540, 2'000'000},
              {768, 432, 1'100'000},   {640, 360, 365'000},    {416, 234, 145'000}};
  return p;
}

} // namespace

const std::vector<media_profile>& builtin_profiles() {
  static const std::vector profiles{web("web-1080p", 1920, 1080, 12'000'000),
                                    web("web-720p", 1280, 720, 6'000'000),
                                    web("web-480p", 854, 480, 3'000'000),
                                    hevc(),
                                    av1(),
                                    webm(),
                                    remux(),
                                    audio_only(),
                                    hls()};
  return profiles;
}

const media_profile* find_profile(std::string_view name) noexcept {
  for (auto& p : builtin_profiles())
    if (p.name == name)
      return &p;
  return nullptr;
}

} // namespace troupe

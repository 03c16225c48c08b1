#include "protocol/model/media.hpp"

#include <algorithm>

namespace troupe {

const media_stream* media_info::first(std::string_view kind) const noexcept {
  for (auto& s : streams)
    if (s.kind == kind && std::find(s.dispositions.begin(), s.dispositions.end(), "attached_pic") == s.dispositions.end())
      return &s;
  return nullptr;
}

const std::vector<media_profile>& builtin_profiles() {
  static const std::vector<media_profile> profiles = [] {
    media_profile web;
    web.name = "web-720p";
    web.max_width = 1280;
    web.max_height = 720;
    media_profile remux;
    remux.name = "remux";
    remux.video_codec = "copy";
    remux.audio_codec = "copy";
    media_profile audio;
    audio.name = "audio-only";
    audio.container = "ipod";
    audio.extension = "m4a";
    audio.video_codec = "none";
    return std::vector{web, remux, audio};
  }();
  return profiles;
}

const media_profile* find_profile(std::string_view name) noexcept {
  for (auto& p : builtin_profiles())
    if (p.name == name)
      return &p;
  return nullptr;
}

} // namespace troupe

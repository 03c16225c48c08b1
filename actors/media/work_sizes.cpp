#include "actors/media/work_sizes.hpp"

#include <algorithm>

namespace troupe::work {

namespace {

double megapixels(double width, double height) {
  return width * height / 1e6;
}

/// Of the variants; none is larger than the film.
double megapixels_of(const std::vector<ladder_rung>& ladder, const picture_facts& film) {
  double out = 0;
  for (auto& rung : ladder) {
    double scale = 1;
    if (rung.max_width > 0)
      scale = std::min(scale, static_cast<double>(rung.max_width) / film.width);
    if (rung.max_height > 0)
      scale = std::min(scale, static_cast<double>(rung.max_height) / film.height);
    if (film.width >= rung.max_width || film.height >= rung.max_height)
      out += megapixels(film.width * scale, film.height * scale);
  }
  return out;
}

/// What fits in everything else may be copied.
bool is_encoded(const media_profile& profile, const picture_facts& film) {
  if (profile.video_codec == "copy" || profile.video_codec == "none")
    return false;
  return !profile.copy_fitting || profile.video_codec != film.codec
         || (profile.max_height > 0 && film.height > profile.max_height);
}

} // namespace

double work_of_pictures(const media_profile& profile, const picture_facts& film) {
  if (!(film.seconds > 0) || film.width == 0 || film.height == 0 || film.codec.empty() || !is_encoded(profile, film))
    return 0;
  return film.seconds * (megapixels(film.width, film.height) + megapixels_of(profile.ladder, film));
}

double work_of_sound(const media_profile& profile, const media_info& film) {
  const auto& codec = profile.audio_codec;
  auto same = [&](auto& s) { return s.kind == "audio" && s.codec == codec; };
  const bool copied = codec == "copy" || codec == "none"
                      || (profile.copy_fitting && std::any_of(film.streams.begin(), film.streams.end(), same));
  return copied || !film.first("audio") || !(film.duration > 0) ? 0 : film.duration;
}

} // namespace troupe::work

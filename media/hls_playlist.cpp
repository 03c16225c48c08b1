#include "media/hls_playlist.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace troupe::media {

namespace {

/// Byte ranges, EXT-X-MAP in any playlist.
constexpr const char* version = "#EXTM3U\n#EXT-X-VERSION:7\n";

std::string seconds_text(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.5f", x);
  return text;
}

/// A quoted string can't hold quotes and line ends.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text)
    if (c != '"' && static_cast<unsigned char>(c) >= 0x20)
      out += c;
  return out + "\"";
}

/// Lengths are compared with it when they are rounded (RFC 8216, 4.3.3.1).
long longest_rounded(const std::vector<hls_segment>& parts) {
  long longest = 1;
  for (auto& s : parts)
    longest = std::max(longest, std::lround(s.duration));
  return longest;
}

std::string playlist(const hls_rendition& r, const std::vector<hls_segment>& parts, long target, const char* kind) {
  std::string out = version;
  out += "#EXT-X-TARGETDURATION:" + std::to_string(target) + "\n";
  out += "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n";
  out += kind;
  const auto file = r.name + ".mp4";
  out += "#EXT-X-MAP:URI=\"" + file + "\",BYTERANGE=\"" + std::to_string(r.init_size) + "@0\"\n";
  for (auto& s : parts)
    out += "#EXTINF:" + seconds_text(s.duration) + ",\n#EXT-X-BYTERANGE:" + std::to_string(s.size) + "@"
           + std::to_string(s.offset) + "\n" + file + "\n";
  return out + "#EXT-X-ENDLIST\n";
}

std::string media_line(const hls_rendition& r, const char* type, const char* group) {
  auto title = !r.title.empty() ? r.title : !r.language.empty() ? r.language : r.name;
  std::string out = std::string("#EXT-X-MEDIA:TYPE=") + type + ",GROUP-ID=\"" + group + "\",NAME=" + quoted(title);
  if (!r.language.empty())
    out += ",LANGUAGE=" + quoted(r.language);
  out += std::string(",DEFAULT=") + (r.is_default ? "YES" : "NO") + ",AUTOSELECT=YES";
  // Of no other type (RFC 8216, 4.3.4.1).
  if (r.forced && std::string_view(type) == "SUBTITLES")
    out += ",FORCED=YES";
  if (r.channels > 0)
    out += ",CHANNELS=\"" + std::to_string(r.channels) + "\"";
  return out + ",URI=\"" + r.name + ".m3u8\"\n";
}

/// Names in a group have to differ; two tracks of one language often have none of their own.
void make_names_unique(std::vector<hls_rendition>& group) {
  for (size_t i = 0; i < group.size(); ++i) {
    auto& r = group[i];
    if (r.title.empty())
      r.title = r.language.empty() ? r.name : r.language;
    auto same = [&](const hls_rendition& x) { return x.title == r.title; };
    if (std::any_of(group.begin(), group.begin() + static_cast<std::ptrdiff_t>(i), same))
      r.title += " (" + std::to_string(i + 1) + ")";
  }
}

std::string bandwidth(int64_t peak, int64_t average) {
  return "BANDWIDTH=" + std::to_string(std::max(peak, average)) + ",AVERAGE-BANDWIDTH=" + std::to_string(average);
}

} // namespace

long target_duration(const std::vector<std::vector<hls_rendition>>& groups) {
  long longest = 1;
  for (auto& group : groups)
    for (auto& r : group)
      longest = std::max(longest, longest_rounded(r.segments));
  return longest;
}

std::string media_playlist(const hls_rendition& r, long target_duration) {
  return playlist(r, r.segments, target_duration, "#EXT-X-INDEPENDENT-SEGMENTS\n");
}

std::string keyframe_playlist(const hls_rendition& r) {
  return playlist(r, r.keyframes, longest_rounded(r.keyframes), "#EXT-X-I-FRAMES-ONLY\n");
}

std::string text_playlist(const std::string& file, double seconds) {
  return std::string(version) + "#EXT-X-TARGETDURATION:" + std::to_string(std::max(std::lround(std::ceil(seconds)), 1L))
         + "\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:" + seconds_text(seconds) + ",\n" + file
         + "\n#EXT-X-ENDLIST\n";
}

std::string master_playlist(const std::vector<hls_rendition>& videos, const std::vector<hls_rendition>& sounds,
                            const std::vector<hls_rendition>& texts) {
  std::string out = std::string(version) + "#EXT-X-INDEPENDENT-SEGMENTS\n";
  auto named_sounds = sounds;
  auto named_texts = texts;
  make_names_unique(named_sounds);
  make_names_unique(named_texts);
  int64_t sound_peak = 0;
  int64_t sound_average = 0;
  for (auto& s : named_sounds) {
    if (!videos.empty())
      out += media_line(s, "AUDIO", "sound");
    sound_peak = std::max(sound_peak, peak_bandwidth(s.segments));
    sound_average = std::max(sound_average, average_bandwidth(s.segments));
  }
  for (auto& t : named_texts)
    out += media_line(t, "SUBTITLES", "text");
  const std::string groups =
    (sounds.empty() ? "" : std::string(",AUDIO=\"sound\"")) + (texts.empty() ? "" : std::string(",SUBTITLES=\"text\""));
  const auto sound_codec = sounds.empty() ? std::string() : sounds.front().codec;
  for (auto& v : videos) {
    char rate[32];
    std::snprintf(rate, sizeof rate, "%.3f", v.frame_rate);
    auto codecs = v.codec + (sound_codec.empty() ? "" : "," + sound_codec);
    out += "#EXT-X-STREAM-INF:"
           + bandwidth(peak_bandwidth(v.segments) + sound_peak, average_bandwidth(v.segments) + sound_average)
           + ",CODECS=\"" + codecs + "\",RESOLUTION=" + std::to_string(v.width) + "x" + std::to_string(v.height)
           + ",FRAME-RATE=" + rate + ",VIDEO-RANGE=" + v.range + groups + "\n" + v.name + ".m3u8\n";
  }
  if (videos.empty())
    for (auto& s : named_sounds)
      out += "#EXT-X-STREAM-INF:" + bandwidth(peak_bandwidth(s.segments), average_bandwidth(s.segments)) + ",CODECS=\""
             + s.codec + "\"\n" + s.name + ".m3u8\n";
  for (auto& v : videos)
    out += "#EXT-X-I-FRAME-STREAM-INF:" + bandwidth(peak_bandwidth(v.keyframes), average_bandwidth(v.keyframes))
           + ",CODECS=\"" + v.codec + "\",RESOLUTION=" + std::to_string(v.width) + "x" + std::to_string(v.height)
           + ",VIDEO-RANGE=" + v.range + ",URI=\"" + v.name + "-keyframes.m3u8\"\n";
  return out;
}

int64_t peak_bandwidth(const std::vector<hls_segment>& segments) {
  double longest = 0;
  for (auto& s : segments)
    longest = std::max(longest, s.duration);
  double peak = 0;
  // A short last segment alone is no measure: the peak is over runs of at least half the target.
  for (auto& s : segments)
    if (s.duration >= longest / 2)
      peak = std::max(peak, static_cast<double>(s.size) * 8 / s.duration);
  return std::llround(peak);
}

int64_t average_bandwidth(const std::vector<hls_segment>& segments) {
  double seconds = 0;
  double bytes = 0;
  for (auto& s : segments) {
    seconds += s.duration;
    bytes += static_cast<double>(s.size);
  }
  return seconds > 0 ? std::llround(bytes * 8 / seconds) : 0;
}

} // namespace troupe::media

#include "media/encoder_options.hpp"

extern "C" {
#include <libavutil/mastering_display_metadata.h>
}

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace troupe::media {

namespace {

/// Seconds of the decoder's buffer that a peak rate is about.
constexpr int64_t buffer_seconds = 2;

template <class T>
const T* side_data(const AVStream* stream, AVPacketSideDataType type) {
  size_t size = 0;
  auto* data = stream ? av_stream_get_side_data(stream, type, &size) : nullptr;
  return data && size >= sizeof(T) ? reinterpret_cast<const T*>(data) : nullptr;
}

/// x265's "G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min)": chromaticity in 1/50000, luminance in 1/10000 cd/m².
std::string master_display(const AVMasteringDisplayMetadata& m) {
  auto scaled = [](AVRational r, int unit) { return std::lround(av_q2d(r) * unit); };
  auto point = [&](const AVRational(&p)[2]) {
    return "(" + std::to_string(scaled(p[0], 50'000)) + "," + std::to_string(scaled(p[1], 50'000)) + ")";
  };
  return "G" + point(m.display_primaries[1]) + "B" + point(m.display_primaries[2]) + "R" + point(m.display_primaries[0])
         + "WP" + point(m.white_point) + "L(" + std::to_string(scaled(m.max_luminance, 10'000)) + ","
         + std::to_string(scaled(m.min_luminance, 10'000)) + ")";
}

std::string x265_parameters(const video_settings& s, int width) {
  // It writes what it thinks to standard error, past libav's log.
  std::string out = "log-level=error";
  // Its CU tree (x265 3.5, AVX2) writes behind its buffer where a row has fewer than four blocks of 16.
  constexpr int narrow = 64;
  if (width < narrow)
    out += ":cutree=0";
  if (s.fixed_keyframes)
    out += ":open-gop=0:scenecut=0";
  auto* m = side_data<AVMasteringDisplayMetadata>(s.hdr_from, AV_PKT_DATA_MASTERING_DISPLAY_METADATA);
  auto* l = side_data<AVContentLightMetadata>(s.hdr_from, AV_PKT_DATA_CONTENT_LIGHT_LEVEL);
  const bool display = m && m->has_primaries && m->has_luminance;
  if (display || l)
    out += ":hdr10=1";
  if (display)
    out += ":master-display=" + master_display(*m);
  if (l)
    out += ":max-cll=" + std::to_string(l->MaxCLL) + "," + std::to_string(l->MaxFALL);
  return out;
}

void add_vp9(const video_settings& s, int width, option_list& out) {
  out.emplace_back("deadline", "good");
  out.emplace_back("row-mt", "1");
  // A column of tiles is at least 256 pixels wide; columns are what it encodes in parallel.
  out.emplace_back("tile-columns", width >= 1024 ? "2" : width >= 512 ? "1" : "0");
  if (!s.preset.empty())
    out.emplace_back("cpu-used", s.preset);
}

void add_keyframes(const video_settings& s, option_list& out) {
  if (s.keyframe_interval <= 0 || s.frame_rate.num <= 0)
    return;
  const auto frames = std::to_string(std::max(std::lround(s.keyframe_interval * av_q2d(s.frame_rate)), 1L));
  out.emplace_back("g", frames);
  if (s.encoder == "libx264" || s.encoder == "libx265" || s.encoder.ends_with("_nvenc"))
    // Keyframes that are asked for are places to begin at.
    out.emplace_back("forced-idr", "1");
  else if (s.encoder.ends_with("_qsv"))
    out.emplace_back("forced_idr", "1");
  if (!s.fixed_keyframes)
    return;
  out.emplace_back("keyint_min", frames);
  out.emplace_back("flags", "+cgop");
  if (s.encoder == "libx264")
    out.emplace_back("sc_threshold", "0");
}

void add_quality(const video_settings& s, option_list& out) {
  const auto quality = std::to_string(s.crf);
  // libvpx takes a rate of 0 beside the quality as "quality alone"; others take it as no rate at all. A rate beside the
  // quality is its upper bound, and libvpx refuses a peak rate without one.
  const bool bounded = s.encoder == "libvpx-vp9" && s.bit_rate == 0;
  out.emplace_back("b", std::to_string(bounded ? s.max_bit_rate : s.bit_rate));
  if (s.max_bit_rate > 0) {
    out.emplace_back("maxrate", std::to_string(s.max_bit_rate));
    out.emplace_back("bufsize", std::to_string(std::min<int64_t>(s.max_bit_rate * buffer_seconds, INT32_MAX)));
  }
  if (s.encoder.ends_with("_nvenc")) {
    out.emplace_back("cq", quality);
    out.emplace_back("rc", "vbr");
  } else if (s.encoder.ends_with("_qsv") || s.encoder.ends_with("_vaapi")) {
    out.emplace_back("global_quality", quality);
  } else if (s.bit_rate == 0) {
    out.emplace_back("crf", quality);
  }
}

} // namespace

option_list video_options(const video_settings& s, int width) {
  option_list out;
  add_quality(s, out);
  add_keyframes(s, out);
  if (s.encoder == "libvpx-vp9")
    add_vp9(s, width, out);
  else if (!s.preset.empty() && s.encoder.starts_with("lib"))
    out.emplace_back("preset", s.preset);
  if (s.encoder == "libx265")
    out.emplace_back("x265-params", x265_parameters(s, width));
  return out;
}

} // namespace troupe::media

#include "media/encoder_options.hpp"

extern "C" {
#include <libavutil/mastering_display_metadata.h>
}

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

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

std::string x265_parameters(const video_settings& s) {
  // It writes what it thinks to standard error, past libav's log.
  std::string out = "log-level=error";
  if (s.fixed_keyframes)
    out += ":open-gop=0:scenecut=0";
  if (auto* m = side_data<AVMasteringDisplayMetadata>(s.hdr_from, AV_PKT_DATA_MASTERING_DISPLAY_METADATA);
      m && m->has_primaries && m->has_luminance)
    out += ":hdr10=1:master-display=" + master_display(*m);
  if (auto* l = side_data<AVContentLightMetadata>(s.hdr_from, AV_PKT_DATA_CONTENT_LIGHT_LEVEL))
    out += ":max-cll=" + std::to_string(l->MaxCLL) + "," + std::to_string(l->MaxFALL);
  return out;
}

void set_vp9(const video_settings& s, AVCodecContext& context, av::options& options) {
  options.set("deadline", "good");
  options.set("row-mt", "1");
  // A column of tiles is at least 256 pixels wide; columns are what it encodes in parallel.
  options.set("tile-columns", context.width >= 1024 ? "2" : context.width >= 512 ? "1" : "0");
  if (!s.preset.empty())
    options.set("cpu-used", s.preset);
}

void set_keyframes(const video_settings& s, AVCodecContext& context, av::options& options) {
  if (s.keyframe_interval <= 0 || s.frame_rate.num <= 0)
    return;
  context.gop_size = std::max(static_cast<int>(std::lround(s.keyframe_interval * av_q2d(s.frame_rate))), 1);
  if (!s.fixed_keyframes)
    return;
  context.keyint_min = context.gop_size;
  context.flags |= AV_CODEC_FLAG_CLOSED_GOP;
  options.set("sc_threshold", "0");
  options.set("forced-idr", "1");
}

} // namespace

void set_video_options(const video_settings& s, AVCodecContext& context, av::options& options) {
  const std::string_view name = s.encoder;
  set_keyframes(s, context, options);
  if (s.max_bit_rate > 0) {
    context.rc_max_rate = s.max_bit_rate;
    context.rc_buffer_size = static_cast<int>(std::min<int64_t>(s.max_bit_rate * buffer_seconds, INT32_MAX));
  }
  // libvpx takes a rate of 0 beside the quality as "quality alone"; others take it as no rate at all.
  context.bit_rate = s.bit_rate;
  const auto quality = std::to_string(s.crf);
  if (name.ends_with("_nvenc")) {
    options.set("cq", quality);
    options.set("rc", "vbr");
  } else if (name.ends_with("_qsv") || name.ends_with("_vaapi")) {
    context.global_quality = static_cast<int>(s.crf);
  } else if (s.bit_rate == 0) {
    options.set("crf", quality);
  }
  if (name == "libvpx-vp9")
    set_vp9(s, context, options);
  else if (!s.preset.empty() && name.starts_with("lib"))
    options.set("preset", s.preset);
  if (name == "libx265")
    options.set("x265-params", x265_parameters(s));
}

} // namespace troupe::media

#include "media/transcode_filters.hpp"

#include "media/filter_graph.hpp"
#include "media/picture.hpp"

extern "C" {
#include <libavutil/channel_layout.h>
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace troupe::media {

namespace {

constexpr int max_sample_rate = 48000;

long even(double x) noexcept {
  return std::max(std::lround(x / 2) * 2, 2L);
}

int depth_of(const AVCodecParameters& par) noexcept {
  auto* d = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(par.format));
  return d ? d->comp[0].depth : 8;
}

bool takes(const AVCodec& codec, AVPixelFormat format) noexcept {
  for (auto* f = codec.pix_fmts; f && *f != AV_PIX_FMT_NONE; ++f)
    if (*f == format)
      return true;
  return false;
}

/// The encoder's 4:2:0 format of that depth, or of 8 bits.
AVPixelFormat output_format(const AVCodec& codec, int depth) noexcept {
  if (depth >= 10)
    for (auto f : {AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_P010LE})
      if (takes(codec, f))
        return f;
  return takes(codec, AV_PIX_FMT_YUV420P) ? AV_PIX_FMT_YUV420P : AV_PIX_FMT_NV12;
}

color_description colors_of(const AVCodecParameters& par) noexcept {
  // RGB sources arrive at the encoder as YUV: their matrix is not that of the output.
  return {par.color_primaries, par.color_trc,
          par.color_space == AVCOL_SPC_RGB ? AVCOL_SPC_UNSPECIFIED : par.color_space, par.chroma_location};
}

int nearest_rate(const AVCodec& codec, int rate) noexcept {
  rate = std::min(rate, max_sample_rate);
  if (!codec.supported_samplerates)
    return rate;
  int best = 0;
  for (auto* r = codec.supported_samplerates; *r; ++r)
    if (best == 0 || std::abs(*r - rate) < std::abs(best - rate))
      best = *r;
  return best;
}

/// The source's layout when the encoder has it, else the nearest common one.
std::string layout_for(const AVCodec& codec, const AVCodecParameters& par, uint32_t max_channels) {
  AVChannelLayout want{};
  const int channels = output_channels(par, max_channels);
  if (par.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC || channels != par.ch_layout.nb_channels)
    av_channel_layout_default(&want, channels);
  else
    av_channel_layout_copy(&want, &par.ch_layout);
  bool has = !codec.ch_layouts;
  for (auto* l = codec.ch_layouts; l && l->nb_channels; ++l)
    has |= av_channel_layout_compare(l, &want) == 0;
  if (!has) {
    int nearest = want.nb_channels >= 6 ? 6 : std::min(want.nb_channels, 2);
    av_channel_layout_uninit(&want);
    av_channel_layout_default(&want, nearest);
  }
  char text[128] = {};
  av_channel_layout_describe(&want, text, sizeof text);
  av_channel_layout_uninit(&want);
  return text;
}

} // namespace

bool interlaced(AVFieldOrder order) noexcept {
  return order == AV_FIELD_TT || order == AV_FIELD_BB || order == AV_FIELD_TB || order == AV_FIELD_BT;
}

bool is_hdr(const AVCodecParameters& par) noexcept {
  return par.color_trc == AVCOL_TRC_SMPTE2084 || par.color_trc == AVCOL_TRC_ARIB_STD_B67;
}

int output_channels(const AVCodecParameters& par, uint32_t max_channels) noexcept {
  const int channels = std::max(par.ch_layout.nb_channels, 1);
  return max_channels > 0 ? std::min(channels, static_cast<int>(max_channels)) : channels;
}

video_filters make_video_filters(input& source, AVStream& stream, const media_profile& profile, uint32_t max_width,
                                 uint32_t max_height, const AVCodec& codec) {
  auto& par = *stream.codecpar;
  bool swaps = false;
  auto upright = upright_filters(stream, swaps);
  double width = 0;
  double height = 0;
  shown_size(par.width, par.height, av_guess_sample_aspect_ratio(source.format(), &stream, nullptr), swaps, width,
             height);
  double scale = 1;
  if (max_width > 0)
    scale = std::min(scale, max_width / width);
  if (max_height > 0)
    scale = std::min(scale, max_height / height);
  video_filters out;
  out.colors = colors_of(par);
  const auto format = output_format(codec, std::min<int>(depth_of(par), static_cast<int>(profile.bit_depth)));
  const bool deep = format == AV_PIX_FMT_YUV420P10LE || format == AV_PIX_FMT_P010LE;
  out.hdr = is_hdr(par) && profile.keep_hdr && deep;
  if (!upright.empty())
    out.chain += upright + ",";
  out.chain += "scale=" + std::to_string(even(width * scale)) + ":" + std::to_string(even(height * scale))
               + ":flags=bicubic:out_range=limited,setsar=1,format=" + av_get_pix_fmt_name(format);
  return out;
}

std::string make_audio_filters(const AVCodecParameters& par, const AVCodec& codec, uint32_t max_channels, double gain) {
  std::string formats;
  for (auto* f = codec.sample_fmts; f && *f != AV_SAMPLE_FMT_NONE; ++f)
    formats += (formats.empty() ? "" : "|") + std::string(av_get_sample_fmt_name(*f));
  auto rate = std::to_string(nearest_rate(codec, par.sample_rate));
  std::string chain = "aresample=async=1:min_hard_comp=0.1";
  auto layout = layout_for(codec, par, max_channels);
  if (gain != 0) {
    // Loudness was measured of what is written, so the mix comes first. Peaks between the samples count too: the limit
    // of -1 dB is kept at four times the rate.
    char text[160];
    std::snprintf(text, sizeof text,
                  ",aformat=channel_layouts=%s,volume=%.2fdB:precision=float,aresample=192000,"
                  "alimiter=limit=0.891:level=disabled",
                  layout.c_str(), gain);
    chain += text;
  }
  return chain + ",aformat=" + (formats.empty() ? "" : "sample_fmts=" + formats + ":") + "sample_rates=" + rate
         + ":channel_layouts=" + layout;
}

} // namespace troupe::media

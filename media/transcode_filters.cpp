#include "media/transcode_filters.hpp"

#include "media/filter_graph.hpp"
#include "media/first_picture.hpp"
#include "media/picture.hpp"
#include "media/stream_facts.hpp"
#include "media/tone_map.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <cmath>

namespace troupe::media {

namespace {

int even(double x) noexcept {
  return static_cast<int>(std::max(std::lround(x / 2) * 2, 2L));
}

const AVPixFmtDescriptor* format_of(const AVCodecParameters& par) noexcept {
  return av_pix_fmt_desc_get(static_cast<AVPixelFormat>(par.format));
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

/// What players take for granted where nothing is said. They go by the size, and ours may be another than the source's.
AVColorSpace usual_matrix(const AVCodecParameters& par) noexcept {
  return par.width > 1024 || par.height > 576 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
}

color_description colors_of(const AVCodecParameters& par) noexcept {
  color_description out{par.color_primaries, par.color_trc, par.color_space, chroma_location(par)};
  // RGB sources arrive at the encoder as YUV.
  if (out.space == AVCOL_SPC_UNSPECIFIED || out.space == AVCOL_SPC_RGB || out.space == AVCOL_SPC_RESERVED)
    out.space = usual_matrix(par);
  return out;
}

/// The scaler's options for pictures of that format.
std::string scaling(const AVCodecParameters& par, AVColorSpace matrix) {
  auto* d = format_of(par);
  const bool rgb = d && (d->flags & AV_PIX_FMT_FLAG_RGB);
  std::string options = "flags=bicubic:out_range=limited";
  if (rgb)
    options += std::string(":out_color_matrix=") + (matrix == AVCOL_SPC_BT709 ? "bt709" : "smpte170m");
  return options;
}

/// Whether zimg takes pictures of that kind and makes the format from them: it has no odd sizes, and no dither worth
/// the name for fewer bits.
bool suits_zimg(AVPixelFormat from, AVPixelFormat to, int width, int height) noexcept {
  constexpr AVPixelFormat kinds[][4] = {
    {AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV444P},
    {AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_YUV422P10LE, AV_PIX_FMT_YUV444P10LE}};
  for (auto& [result, a, b, c] : kinds)
    if (to == result)
      return (from == a || from == b || from == c) && width % 2 == 0 && height % 2 == 0;
  return false;
}

/// From pictures of that kind to `wide`×`high`.
std::string scale_filter(const picture_fit& fit, AVPixelFormat format, int width, int height, int wide, int high) {
  const auto size = std::to_string(wide) + ":" + std::to_string(high);
  const bool same = width == wide && height == high;
  // zimg needs two thirds of libswscale's time with the same kernel (libswscale's bicubic: B 0, C 0.6).
  if (!same && suits_zimg(format, fit.format, width, height))
    return "zscale=" + size + ":filter=bicubic:param_a=0:param_b=0.6:range=limited";
  return "scale=" + size + ":" + fit.scaling;
}

/// Static metadata that stands in the pictures only, to where the encoder and the container look for it.
result<void> keep_metadata(AVStream& stream, const AVFrame& picture) {
  const std::pair<AVFrameSideDataType, AVPacketSideDataType> kinds[]{
    {AV_FRAME_DATA_MASTERING_DISPLAY_METADATA, AV_PKT_DATA_MASTERING_DISPLAY_METADATA},
    {AV_FRAME_DATA_CONTENT_LIGHT_LEVEL, AV_PKT_DATA_CONTENT_LIGHT_LEVEL}};
  for (auto [of_frame, of_stream] : kinds) {
    auto* from = av_frame_get_side_data(&picture, of_frame);
    if (!from || av_stream_get_side_data(&stream, of_stream, nullptr))
      continue;
    std::copy_n(from->data, from->size, av::checked(av_stream_new_side_data(&stream, of_stream, from->size)));
  }
  return {};
}

/// HDR that does not stay becomes BT.709; of HDR that stays the metadata is looked for.
result<void> settle_hdr(input& source, AVStream& stream, video_filters& out) {
  auto picture = first_picture(source, static_cast<unsigned>(stream.index));
  if (!picture)
    return picture.error();
  if (out.hdr)
    return keep_metadata(stream, **picture);
  auto tone_map = tone_map_filters(stream, picture->get());
  if (tone_map.empty())
    return {};
  out.fit.rest = tone_map + "," + out.fit.rest;
  out.colors = {AVCOL_PRI_BT709, AVCOL_TRC_BT709, AVCOL_SPC_BT709, AVCHROMA_LOC_LEFT};
  return {};
}

} // namespace

bool interlaced(AVFieldOrder order) noexcept {
  return order == AV_FIELD_TT || order == AV_FIELD_BB || order == AV_FIELD_TB || order == AV_FIELD_BT;
}

bool is_hdr(const AVCodecParameters& par) noexcept {
  return par.color_trc == AVCOL_TRC_SMPTE2084 || par.color_trc == AVCOL_TRC_ARIB_STD_B67;
}

std::string fit_filters(const picture_fit& fit, AVPixelFormat format, int width, int height, AVRational aspect) {
  double wide = 0;
  double high = 0;
  shown_size(width, height, aspect, fit.swaps, wide, high);
  const double scale = std::min(fit.width / wide, fit.height / high);
  int inner_width = std::min(even(wide * scale), fit.width);
  int inner_height = std::min(even(high * scale), fit.height);
  // Sides are rounded to even ones: that is no other shape.
  const bool fills = inner_width + 2 >= fit.width && inner_height + 2 >= fit.height;
  if (fills) {
    inner_width = fit.width;
    inner_height = fit.height;
  }
  auto chain =
    fit.upright + (fit.upright.empty() ? "" : ",")
    + scale_filter(fit, format, fit.swaps ? height : width, fit.swaps ? width : height, inner_width, inner_height)
    + ",setsar=1,";
  if (!fills)
    chain += "pad=" + std::to_string(fit.width) + ":" + std::to_string(fit.height) + ":"
             + std::to_string((fit.width - inner_width) / 4 * 2) + ":"
             + std::to_string((fit.height - inner_height) / 4 * 2) + ",";
  return chain + fit.rest;
}

result<video_filters> make_video_filters(input& source, AVStream& stream, const media_profile& profile,
                                         uint32_t max_width, uint32_t max_height, const AVCodec& codec) {
  auto& par = *stream.codecpar;
  const auto aspect = av_guess_sample_aspect_ratio(source.format(), &stream, nullptr);
  video_filters out;
  out.fit.upright = upright_filters(stream, out.fit.swaps);
  double width = 0;
  double height = 0;
  shown_size(par.width, par.height, aspect, out.fit.swaps, width, height);
  double scale = 1;
  if (max_width > 0)
    scale = std::min(scale, max_width / width);
  if (max_height > 0)
    scale = std::min(scale, max_height / height);
  out.fit.width = even(width * scale);
  out.fit.height = even(height * scale);
  const int depth = format_of(par) ? format_of(par)->comp[0].depth : 8;
  const auto format = output_format(codec, std::min<int>(depth, static_cast<int>(profile.bit_depth)));
  const bool deep = format == AV_PIX_FMT_YUV420P10LE || format == AV_PIX_FMT_P010LE;
  out.hdr = is_hdr(par) && profile.keep_hdr && deep;
  out.colors = colors_of(par);
  out.fit.scaling = scaling(par, out.colors.space);
  out.fit.format = format;
  out.fit.rest = std::string("format=") + av_get_pix_fmt_name(format);
  if (is_hdr(par))
    TROUPE_TRY(settle_hdr(source, stream, out));
  out.chain = fit_filters(out.fit, static_cast<AVPixelFormat>(par.format), par.width, par.height, aspect);
  return out;
}

} // namespace troupe::media

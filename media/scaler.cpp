#include "media/scaler.hpp"

#include "media/faults.hpp"

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

#include <tuple>

namespace troupe::media {

namespace {

/// The yuvj formats say their range twice; libswscale wants to hear it once.
AVPixelFormat without_range(AVPixelFormat format) noexcept {
  switch (format) {
  case AV_PIX_FMT_YUVJ420P:
    return AV_PIX_FMT_YUV420P;
  case AV_PIX_FMT_YUVJ422P:
    return AV_PIX_FMT_YUV422P;
  case AV_PIX_FMT_YUVJ444P:
    return AV_PIX_FMT_YUV444P;
  case AV_PIX_FMT_YUVJ440P:
    return AV_PIX_FMT_YUV440P;
  case AV_PIX_FMT_YUVJ411P:
    return AV_PIX_FMT_YUV411P;
  default:
    return format;
  }
}

bool is_full_range(const AVFrame& f) noexcept {
  const auto format = static_cast<AVPixelFormat>(f.format);
  if (f.color_range != AVCOL_RANGE_UNSPECIFIED)
    return f.color_range == AVCOL_RANGE_JPEG;
  auto* d = av_pix_fmt_desc_get(format);
  // Grey without a word about it is full range to libswscale and to every tool built on it.
  return format != without_range(format) || (d && d->nb_components <= 2);
}

/// libswscale's number for the matrix. What says nothing is BT.709 from HD on and BT.601 below, as players guess.
int matrix_of(const AVFrame& f) noexcept {
  switch (f.colorspace) {
  case AVCOL_SPC_UNSPECIFIED:
  case AVCOL_SPC_RESERVED:
    return f.height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601;
  case AVCOL_SPC_BT2020_CL:
  case AVCOL_SPC_BT2020_NCL:
    return SWS_CS_BT2020;
  case AVCOL_SPC_BT709:
    return SWS_CS_ITU709;
  case AVCOL_SPC_FCC:
    return SWS_CS_FCC;
  case AVCOL_SPC_SMPTE240M:
    return SWS_CS_SMPTE240M;
  default:
    return SWS_CS_ITU601;
  }
}

} // namespace

bool scaler::kind::operator==(const kind& other) const noexcept {
  auto all = [](const kind& k) {
    return std::tie(k.width, k.height, k.format, k.matrix, k.full_range, k.to.width, k.to.height, k.to.format,
                    k.to.full_range, k.to.to_bt601);
  };
  return all(*this) == all(other);
}

result<void> scaler::prepare(const kind& wanted) {
  if (context_ && kind_ == wanted)
    return {};
  context_.reset(av::checked(sws_alloc_context()));
  auto* c = context_.get();
  // Area takes each pixel of the source once: right for making small, and the quickest.
  const bool halved = wanted.to.width * 2 <= wanted.width;
  av_opt_set_int(c, "srcw", wanted.width, 0);
  av_opt_set_int(c, "srch", wanted.height, 0);
  av_opt_set_int(c, "src_format", wanted.format, 0);
  av_opt_set_int(c, "dstw", wanted.to.width, 0);
  av_opt_set_int(c, "dsth", wanted.to.height, 0);
  av_opt_set_int(c, "dst_format", wanted.to.format, 0);
  av_opt_set_int(c, "sws_flags", halved ? SWS_AREA : SWS_BICUBIC, 0);
  av_opt_set_int(c, "src_range", wanted.full_range, 0);
  av_opt_set_int(c, "dst_range", wanted.to.full_range, 0);
  av_opt_set(c, "alphablend", "uniform_color", 0);
  auto* from = sws_getCoefficients(wanted.matrix);
  auto* to = wanted.to.to_bt601 ? sws_getCoefficients(SWS_CS_ITU601) : from;
  sws_setColorspaceDetails(c, from, wanted.full_range, to, wanted.to.full_range, 0, 1 << 16, 1 << 16);
  if (sws_init_context(c, nullptr, nullptr) < 0) {
    context_.reset();
    auto* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(wanted.format));
    return {errc::bad_media, std::string("a picture of the format ") + (name ? name : "?") + " can't be scaled"};
  }
  kind_ = wanted;
  return {};
}

result<av::frame> scaler::scale(const AVFrame& picture, const picture_shape& shape) {
  kind wanted{picture.width,      picture.height,         without_range(static_cast<AVPixelFormat>(picture.format)),
              matrix_of(picture), is_full_range(picture), shape};
  TROUPE_TRY(prepare(wanted));
  auto out = av::make_frame();
  out->width = shape.width;
  out->height = shape.height;
  out->format = shape.format;
  if (int code = av_frame_get_buffer(out.get(), 0); code < 0)
    return av_error(code, "the picture can't be scaled");
  av_frame_copy_props(out.get(), &picture);
  out->sample_aspect_ratio = {1, 1};
  out->color_range = shape.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  if (shape.to_bt601)
    out->colorspace = AVCOL_SPC_BT470BG;
  int rows = sws_scale(context_.get(), picture.data, picture.linesize, 0, picture.height, out->data, out->linesize);
  if (rows != shape.height)
    return {errc::bad_media, "the picture can't be scaled"};
  return out;
}

} // namespace troupe::media

#include "media/image_encoder.hpp"

#include "media/faults.hpp"

extern "C" {
#include <libavutil/opt.h>
}

#include <algorithm>
#include <cmath>

namespace troupe::media {

namespace {

/// libavcodec's JPEG quantiser for a quality of the Independent JPEG Group's scale. libavcodec multiplies MPEG's intra
/// table (33/8 in the mean), the Group's quality its own (57.6): equal means make the quantiser 14 times the scale.
int quantiser(int quality) {
  const double scale = quality < 50 ? 50.0 / quality : 2.0 - quality / 50.0;
  return std::clamp(static_cast<int>(std::lround(14.0 * scale)), 2, 31);
}

const AVCodec* find_encoder(exec::picture_format format) {
  return avcodec_find_encoder_by_name(format == exec::picture_format::webp ? "libwebp" : "mjpeg");
}

void set_quality(AVCodecContext& context, exec::picture_format format, int quality) {
  if (format == exec::picture_format::webp) {
    av_opt_set_double(context.priv_data, "quality", quality, 0);
    return;
  }
  context.flags |= AV_CODEC_FLAG_QSCALE;
  context.global_quality = FF_QP2LAMBDA * quantiser(quality);
}

} // namespace

result<std::vector<uint8_t>> encode_image(const AVFrame& picture, exec::picture_format format, int quality) {
  auto* codec = find_encoder(format);
  if (!codec)
    return {errc::unsupported_media, format == exec::picture_format::webp
                                       ? "libavcodec was built without the WebP encoder (libwebp)"
                                       : "libavcodec was built without the JPEG encoder"};
  auto context = av::make_codec(codec);
  context->width = picture.width;
  context->height = picture.height;
  context->pix_fmt = static_cast<AVPixelFormat>(picture.format);
  context->color_range = picture.color_range;
  context->time_base = {1, 25};
  context->thread_count = 1;
  // No name of the encoder in the file: the same picture is the same bytes.
  context->flags |= AV_CODEC_FLAG_BITEXACT;
  set_quality(*context, format, std::clamp(quality, 1, 100));
  int code = avcodec_open2(context.get(), codec, nullptr);
  auto packet = av::make_packet();
  auto frame = av::make_frame();
  if (code >= 0)
    code = av_frame_ref(frame.get(), &picture);
  frame->pts = 0;
  frame->pict_type = AV_PICTURE_TYPE_NONE;
  frame->quality = context->global_quality;
  if (code >= 0)
    code = avcodec_send_frame(context.get(), frame.get());
  if (code >= 0)
    code = avcodec_send_frame(context.get(), nullptr);
  if (code >= 0)
    code = avcodec_receive_packet(context.get(), packet.get());
  if (code < 0)
    return av_error(code, "the picture can't be encoded");
  return std::vector<uint8_t>(packet->data, packet->data + packet->size);
}

} // namespace troupe::media

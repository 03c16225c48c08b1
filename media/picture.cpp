#include "media/picture.hpp"

#include "media/faults.hpp"
#include "media/filter_graph.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::media {

namespace {

constexpr AVRational any_time_base{1, 1000};
/// JPEG quantiser: 2 is best, 31 worst.
constexpr int jpeg_quality = 3;

result<av::frame> filtered(const AVFrame& picture, const std::string& chain) {
  auto input = av::make_frame();
  if (int code = av_frame_ref(input.get(), &picture); code < 0)
    return av_error(code, "the picture can't be taken");
  input->pts = 0;
  auto graph = filter_graph::make(*input, any_time_base, {0, 1}, chain, AVMEDIA_TYPE_VIDEO);
  if (!graph)
    return graph.error();
  auto out = av::make_frame();
  auto keep = [&](AVFrame& f) -> result<void> {
    av_frame_unref(out.get());
    av_frame_move_ref(out.get(), &f);
    return {};
  };
  TROUPE_TRY(graph->push(input.get(), keep));
  TROUPE_TRY(graph->push(nullptr, keep));
  if (out->width <= 0)
    return {errc::bad_media, "the picture can't be scaled"};
  return out;
}

result<std::vector<uint8_t>> encode_jpeg(const AVFrame& picture) {
  auto* codec = avcodec_find_encoder_by_name("mjpeg");
  if (!codec)
    return {errc::internal, "the JPEG encoder is missing from libavcodec"};
  auto context = av::make_codec(codec);
  context->width = picture.width;
  context->height = picture.height;
  context->pix_fmt = static_cast<AVPixelFormat>(picture.format);
  context->color_range = AVCOL_RANGE_JPEG;
  context->time_base = {1, 25};
  context->thread_count = 1;
  context->flags |= AV_CODEC_FLAG_QSCALE;
  context->global_quality = FF_QP2LAMBDA * jpeg_quality;
  int code = avcodec_open2(context.get(), codec, nullptr);
  auto packet = av::make_packet();
  if (code >= 0)
    code = avcodec_send_frame(context.get(), &picture);
  if (code >= 0)
    code = avcodec_send_frame(context.get(), nullptr);
  if (code >= 0)
    code = avcodec_receive_packet(context.get(), packet.get());
  if (code < 0)
    return av_error(code, "the picture can't be encoded");
  return std::vector<uint8_t>(packet->data, packet->data + packet->size);
}

} // namespace

result<double> liveliness(const AVFrame& picture) {
  auto small = filtered(picture, "scale=160:90:flags=fast_bilinear,format=gray");
  if (!small)
    return small.error();
  auto& f = **small;
  double sum = 0;
  double squares = 0;
  for (int y = 0; y < f.height; ++y)
    for (int x = 0; x < f.width; ++x) {
      double v = f.data[0][y * f.linesize[0] + x];
      sum += v;
      squares += v * v;
    }
  const double n = static_cast<double>(f.width) * f.height;
  const double mean = sum / n;
  const double deviation = std::sqrt(std::max(squares / n - mean * mean, 0.0));
  return mean < 28 || mean > 228 ? deviation / 3 : deviation;
}

void shown_size(int width, int height, AVRational sample_aspect, bool swaps, double& shown_width,
                double& shown_height) {
  // An absurd aspect is a lie of the header: the picture would become a line.
  double aspect = sample_aspect.num > 0 && sample_aspect.den > 0 ? av_q2d(sample_aspect) : 1;
  if (aspect < 0.1 || aspect > 10)
    aspect = 1;
  shown_width = std::max(width * aspect, 1.0);
  shown_height = std::max<double>(height, 1);
  if (swaps)
    std::swap(shown_width, shown_height);
}

result<jpeg_picture> make_jpeg(const AVFrame& picture, uint32_t width, const std::string& upright, bool swaps) {
  double shown_width = 0;
  double shown_height = 0;
  shown_size(picture.width, picture.height, picture.sample_aspect_ratio, swaps, shown_width, shown_height);
  const double w = std::min<double>(width, shown_width);
  const auto out_width = std::max<long>(std::lround(w), 1);
  const auto out_height = std::clamp<long>(std::lround(w * shown_height / shown_width), 1, 16384);
  auto chain = (upright.empty() ? "" : upright + ",") + "scale=" + std::to_string(out_width) + ":"
               + std::to_string(out_height) + ":flags=bicubic:out_range=full,setsar=1,format=yuv420p";
  auto scaled = filtered(picture, chain);
  if (!scaled)
    return scaled.error();
  // Says so whatever the filters left in it; the encoder takes full range only.
  (*scaled)->color_range = AVCOL_RANGE_JPEG;
  auto bytes = encode_jpeg(**scaled);
  if (!bytes)
    return bytes.error();
  return jpeg_picture{static_cast<uint32_t>(out_width), static_cast<uint32_t>(out_height), std::move(*bytes)};
}

} // namespace troupe::media

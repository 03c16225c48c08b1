#include "media/picture.hpp"

#include "media/faults.hpp"
#include "media/tone_map.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace troupe::media {

namespace {

constexpr AVRational any_time_base{1, 1000};
constexpr long max_height = 16384;

/// Rows of a plane without their padding.
void copy_plane(const AVFrame& from, int plane, int width, int height, std::vector<uint8_t>& to) {
  for (int y = 0; y < height; ++y)
    std::memcpy(&to[static_cast<size_t>(y) * width],
                from.data[plane] + static_cast<ptrdiff_t>(y) * from.linesize[plane], static_cast<size_t>(width));
}

} // namespace

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

picture_maker::picture_maker(AVFormatContext* source, AVStream& stream) :
  source_(source), stream_(stream), turn_(orientation_of(stream)) {
}

picture_size picture_maker::size_at(const AVFrame& frame, uint32_t width) const {
  double shown_width = 0;
  double shown_height = 0;
  auto aspect = av_guess_sample_aspect_ratio(source_, &stream_, const_cast<AVFrame*>(&frame));
  shown_size(frame.width, frame.height, aspect, turn_.swaps, shown_width, shown_height);
  const double w = std::min<double>(width, shown_width);
  return {static_cast<int>(std::max<long>(std::lround(w), 1)),
          static_cast<int>(std::clamp<long>(std::lround(w * shown_height / shown_width), 1, max_height))};
}

result<av::frame> picture_maker::to_sdr(const AVFrame& frame, picture_size size) {
  // Small first: the tone mapping works in floating point. 4:4:4 and 16 bits lose nothing that matters here.
  auto small = first_.scale(frame, {size.width, size.height, AV_PIX_FMT_YUV444P16LE, false, false});
  if (!small)
    return small;
  (*small)->pts = 0;
  if (!tone_map_ || !tone_map_->accepts(**small)) {
    auto graph = filter_graph::make(**small, any_time_base, {0, 1},
                                    tone_map_filters(stream_, &frame) + ",format=yuv444p", AVMEDIA_TYPE_VIDEO);
    if (!graph)
      return graph.error();
    tone_map_.emplace(std::move(*graph));
  }
  auto out = av::make_frame();
  auto keep = [&](AVFrame& f) -> result<void> {
    av_frame_unref(out.get());
    av_frame_move_ref(out.get(), &f);
    return {};
  };
  TROUPE_TRY(tone_map_->push(small->get(), keep));
  if (out->width <= 0)
    return {errc::internal, "tone mapping gave no picture"};
  return out;
}

result<av::frame> picture_maker::make(const AVFrame& frame, picture_size size) {
  if (turn_.swaps)
    std::swap(size.width, size.height);
  const picture_shape shape{size.width, size.height, AV_PIX_FMT_YUV420P, true, true};
  auto made = [&]() -> result<av::frame> {
    if (!is_hdr(stream_, &frame))
      return first_.scale(frame, shape);
    auto sdr = to_sdr(frame, size);
    return sdr ? second_.scale(**sdr, shape) : std::move(sdr);
  }();
  if (!made)
    return made;
  return turn(std::move(*made), turn_);
}

result<small_picture> picture_maker::make_small(const AVFrame& frame) {
  auto scaled = small_.scale(frame, {small_picture::width, small_picture::height, AV_PIX_FMT_YUV420P, true, false});
  if (!scaled)
    return std::move(scaled).error();
  small_picture out;
  copy_plane(**scaled, 0, small_picture::width, small_picture::height, out.luma);
  copy_plane(**scaled, 1, small_picture::width / 2, small_picture::height / 2, out.blue);
  copy_plane(**scaled, 2, small_picture::width / 2, small_picture::height / 2, out.red);
  return out;
}

result<av::frame> smaller_picture(const AVFrame& picture, picture_size size) {
  scaler shrink;
  return shrink.scale(picture, {size.width, size.height, AV_PIX_FMT_YUV420P, true, true});
}

} // namespace troupe::media

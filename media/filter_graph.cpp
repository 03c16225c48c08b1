#include "media/filter_graph.hpp"

#include "media/faults.hpp"
#include "media/stream_facts.hpp"

extern "C" {
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/channel_layout.h>
}

#include <algorithm>
#include <cstdio>

namespace troupe::media {

namespace {

std::string video_source(const AVFrame& f, AVRational time_base, AVRational rate) {
  char text[256];
  auto sar = f.sample_aspect_ratio.num > 0 && f.sample_aspect_ratio.den > 0 ? f.sample_aspect_ratio : AVRational{1, 1};
  int n = std::snprintf(text, sizeof text, "video_size=%dx%d:pix_fmt=%d:time_base=%d/%d:pixel_aspect=%d/%d", f.width,
                        f.height, f.format, time_base.num, time_base.den, sar.num, sar.den);
  if (rate.num > 0 && rate.den > 0)
    std::snprintf(text + n, sizeof text - static_cast<size_t>(n), ":frame_rate=%d/%d", rate.num, rate.den);
  return text;
}

std::string audio_source(const AVFrame& f, AVRational time_base) {
  char layout[128] = {};
  AVChannelLayout shape{};
  if (f.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
    av_channel_layout_default(&shape, f.ch_layout.nb_channels);
  else
    av_channel_layout_copy(&shape, &f.ch_layout);
  av_channel_layout_describe(&shape, layout, sizeof layout);
  av_channel_layout_uninit(&shape);
  char text[256];
  std::snprintf(text, sizeof text, "sample_rate=%d:sample_fmt=%d:channel_layout=%s:time_base=%d/%d", f.sample_rate,
                f.format, layout, time_base.num, time_base.den);
  return text;
}

/// Which channels there are; 0: nobody says.
uint64_t mask_of(const AVFrame& f) noexcept {
  return f.ch_layout.order == AV_CHANNEL_ORDER_NATIVE ? f.ch_layout.u.mask : 0;
}

/// One open end of the chain, named as libavfilter's parser wants it.
av::inout open_end(const char* name, AVFilterContext* filter) {
  av::inout end{av::checked(avfilter_inout_alloc())};
  end->name = av_strdup(name);
  end->filter_ctx = filter;
  return end;
}

} // namespace

result<filter_graph> filter_graph::make(const AVFrame& first, AVRational time_base, AVRational frame_rate,
                                        const std::string& chain, AVMediaType output) {
  const bool video = first.width > 0;
  const bool to_video = output == AVMEDIA_TYPE_VIDEO;
  filter_graph self;
  self.graph_.reset(av::checked(avfilter_graph_alloc()));
  self.frame_ = av::make_frame();
  self.width_ = first.width;
  self.height_ = first.height;
  self.format_ = first.format;
  self.sample_rate_ = first.sample_rate;
  self.channels_ = first.ch_layout.nb_channels;
  self.layout_ = mask_of(first);
  auto arguments = video ? video_source(first, time_base, frame_rate) : audio_source(first, time_base);
  int code = avfilter_graph_create_filter(&self.source_, avfilter_get_by_name(video ? "buffer" : "abuffer"), "in",
                                          arguments.c_str(), nullptr, self.graph_.get());
  if (code >= 0)
    code = avfilter_graph_create_filter(&self.sink_, avfilter_get_by_name(to_video ? "buffersink" : "abuffersink"),
                                        "out", nullptr, nullptr, self.graph_.get());
  if (code >= 0) {
    // The parser takes both ends and gives back what it did not use.
    auto* outputs = open_end("in", self.source_).release();
    auto* inputs = open_end("out", self.sink_).release();
    code = avfilter_graph_parse_ptr(self.graph_.get(), chain.c_str(), &inputs, &outputs, nullptr);
    av::inout rest_in{inputs};
    av::inout rest_out{outputs};
  }
  if (code >= 0)
    code = avfilter_graph_config(self.graph_.get(), nullptr);
  if (code < 0)
    return av_error(code, "the filters \"" + chain + "\" can't be set up");
  return self;
}

bool filter_graph::accepts(const AVFrame& f) const noexcept {
  return f.width == width_ && f.height == height_ && f.format == format_ && f.sample_rate == sample_rate_
         && f.ch_layout.nb_channels == channels_ && (mask_of(f) == layout_ || mask_of(f) == 0 || layout_ == 0);
}

result<void> filter_graph::push(AVFrame* frame, const frame_sink& sink) {
  int code = av_buffersrc_add_frame_flags(source_, frame, AV_BUFFERSRC_FLAG_KEEP_REF);
  if (code < 0 && code != AVERROR_EOF)
    return av_error(code, "filtering failed");
  for (;;) {
    code = av_buffersink_get_frame(sink_, frame_.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
      return {};
    if (code < 0)
      return av_error(code, "filtering failed");
    auto taken = sink(*frame_);
    av_frame_unref(frame_.get());
    if (!taken)
      return taken;
  }
}

void filter_graph::set_frame_size(int samples) noexcept {
  if (samples > 0)
    av_buffersink_set_frame_size(sink_, static_cast<unsigned>(samples));
}

std::string upright_filters(const AVStream& stream, bool& swaps) {
  int angle = rotation_of(stream);
  swaps = angle == 90 || angle == 270;
  size_t size = 0;
  auto* data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  if (!data || size < 9 * sizeof(int32_t))
    return {};
  // A negative determinant mirrors the picture besides turning it.
  auto* m = reinterpret_cast<const int32_t*>(data);
  bool mirrored = static_cast<int64_t>(m[0]) * m[4] - static_cast<int64_t>(m[1]) * m[3] < 0;
  switch (angle) {
  case 90:
    return mirrored ? "transpose=cclock_flip" : "transpose=clock";
  case 180:
    return mirrored ? "hflip" : "hflip,vflip";
  case 270:
    return mirrored ? "transpose=clock_flip" : "transpose=cclock";
  default:
    return mirrored ? "vflip" : "";
  }
}

} // namespace troupe::media

#include "media/sound_adapter.hpp"

extern "C" {
#include <libavfilter/buffersink.h>
#include <libavutil/channel_layout.h>
#include <libavutil/samplefmt.h>
}

namespace troupe::media {

sound_adapter::sound_adapter(AVSampleFormat format, int rate, const AVChannelLayout& channels, AVRational time_base) :
  time_base_(time_base) {
  char layout[128] = {};
  AVChannelLayout shape{};
  if (channels.order == AV_CHANNEL_ORDER_UNSPEC)
    av_channel_layout_default(&shape, channels.nb_channels);
  else
    av_channel_layout_copy(&shape, &channels);
  av_channel_layout_describe(&shape, layout, sizeof layout);
  av_channel_layout_uninit(&shape);
  chain_ = std::string("aformat=sample_fmts=") + av_get_sample_fmt_name(format)
           + ":sample_rates=" + std::to_string(rate) + ":channel_layouts=" + layout;
}

result<void> sound_adapter::push(AVFrame* frame, filter_graph& filters, const frame_sink& next) {
  if (between_ && (!frame || !between_->accepts(*frame))) {
    TROUPE_TRY(adapt(nullptr, filters, next));
    between_.reset();
  }
  if (!frame)
    return {};
  if (!between_ && filters.accepts(*frame))
    return filters.push(frame, next);
  if (!between_) {
    auto made = filter_graph::make(*frame, time_base_, {0, 1}, chain_, AVMEDIA_TYPE_AUDIO);
    if (!made)
      return made.error();
    between_ = std::make_unique<filter_graph>(std::move(*made));
  }
  return adapt(frame, filters, next);
}

result<void> sound_adapter::adapt(AVFrame* frame, filter_graph& filters, const frame_sink& next) {
  return between_->push(frame, [&](AVFrame& out) {
    if (out.pts != AV_NOPTS_VALUE)
      out.pts = av_rescale_q(out.pts, av_buffersink_get_time_base(&between_->output()), time_base_);
    return filters.push(&out, next);
  });
}

} // namespace troupe::media

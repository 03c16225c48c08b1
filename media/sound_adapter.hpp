#pragma once

#include "media/filter_graph.hpp"

#include <memory>
#include <string>

namespace troupe::media {

/// Brings sound whose format changes on the way to the one that filters were set up for: they go on without a seam, and
/// an encoder behind them gets no short frame in the middle.
class sound_adapter {
public:
  /// What the filters take, and the time base of the frames.
  sound_adapter(AVSampleFormat format, int rate, const AVChannelLayout& channels, AVRational time_base);

  /// Pushes a frame into `filters`, through others where its format is another one; nullptr: what is still in those.
  result<void> push(AVFrame* frame, filter_graph& filters, const frame_sink& next);

private:
  result<void> adapt(AVFrame* frame, filter_graph& filters, const frame_sink& next);

  std::string chain_;
  AVRational time_base_;
  /// Where it is needed.
  std::unique_ptr<filter_graph> between_;
};

} // namespace troupe::media

#include "media/timeline.hpp"

#include <cstdlib>

namespace troupe::media {

namespace {

/// A jump that is not believed, seconds.
constexpr int64_t jump_seconds = 10;

} // namespace

void shift_times(AVPacket& p, int64_t microseconds, AVRational time_base) noexcept {
  auto shift = av_rescale_q(microseconds, {1, AV_TIME_BASE}, time_base);
  if (p.pts != AV_NOPTS_VALUE)
    p.pts += shift;
  if (p.dts != AV_NOPTS_VALUE)
    p.dts += shift;
}

timeline::timeline(const AVFormatContext& format) :
  jumps_(format.iformat->flags & AVFMT_TS_DISCONT),
  shift_(format.start_time == AV_NOPTS_VALUE ? 0 : -format.start_time) {
}

void timeline::apply(AVPacket& p, AVRational time_base) {
  auto reference = p.dts != AV_NOPTS_VALUE ? p.dts : p.pts;
  if (reference != AV_NOPTS_VALUE && jumps_) {
    auto now = av_rescale_q(reference, time_base, {1, AV_TIME_BASE}) + shift_;
    if (expected_ != AV_NOPTS_VALUE && std::llabs(now - expected_) > jump_seconds * AV_TIME_BASE) {
      shift_ += expected_ - now;
      jumped_ = true;
      now = expected_;
    }
    expected_ = now;
  }
  shift_times(p, shift_, time_base);
}

} // namespace troupe::media

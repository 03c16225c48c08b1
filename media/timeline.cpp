#include "media/timeline.hpp"

#include <cmath>
#include <cstdlib>

namespace troupe::media {

namespace {

/// A jump that is not believed, seconds.
constexpr int64_t jump_seconds = 10;
/// The clock of ISO/IEC 13818-1 has 33 bits and beats 90,000 times a second: it runs over after 26.5 hours.
constexpr int64_t clock_round = (int64_t{1} << 33) * 100 / 9;
/// Sound that is decoded to warm the decoder up and then thrown away; seconds at most.
constexpr double longest_priming = 0.1;

} // namespace

void shift_times(AVPacket& p, int64_t microseconds, AVRational time_base) noexcept {
  auto shift = av_rescale_q(microseconds, {1, AV_TIME_BASE}, time_base);
  if (p.pts != AV_NOPTS_VALUE)
    p.pts += shift;
  if (p.dts != AV_NOPTS_VALUE)
    p.dts += shift;
}

int64_t film_start(const AVFormatContext& format) noexcept {
  if (format.start_time == AV_NOPTS_VALUE)
    return 0;
  if (format.start_time >= 0 || format.start_time < -longest_priming * AV_TIME_BASE)
    return format.start_time;
  for (unsigned i = 0; i < format.nb_streams; ++i) {
    auto& s = *format.streams[i];
    const bool early = s.start_time != AV_NOPTS_VALUE && s.start_time < 0;
    if (early && (s.codecpar->codec_type != AVMEDIA_TYPE_AUDIO || s.codecpar->initial_padding <= 0))
      return format.start_time;
  }
  return 0;
}

timeline::timeline(const AVFormatContext& format) :
  jumps_(format.iformat->flags & AVFMT_TS_DISCONT), shift_(-film_start(format)) {
}

void timeline::apply(AVPacket& p, AVRational time_base) {
  auto reference = p.dts != AV_NOPTS_VALUE ? p.dts : p.pts;
  if (reference != AV_NOPTS_VALUE && jumps_) {
    auto now = av_rescale_q(reference, time_base, {1, AV_TIME_BASE}) + shift_;
    // Where the clock runs over, streams do so one by one: that is no jump.
    if (const auto rounds = expected_ == AV_NOPTS_VALUE ? 0 : std::lround(static_cast<double>(expected_ - now) / clock_round);
        rounds != 0 && std::llabs(now + rounds * clock_round - expected_) <= jump_seconds * AV_TIME_BASE) {
      expected_ = now + rounds * clock_round;
      shift_times(p, shift_ + rounds * clock_round, time_base);
      return;
    }
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

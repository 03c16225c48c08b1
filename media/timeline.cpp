#include "media/timeline.hpp"

#include <cmath>
#include <cstdlib>

namespace troupe::media {

namespace {

/// Microseconds. Streams of a file lie apart by less than the first; one stream's decoding times never go back, but for
/// damage of less than the second.
constexpr int64_t far = 10 * AV_TIME_BASE;
constexpr int64_t back = AV_TIME_BASE;
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
    const bool primed = s.codecpar->codec_type == AVMEDIA_TYPE_AUDIO && s.codecpar->initial_padding > 0;
    const bool video = s.codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !(s.disposition & AV_DISPOSITION_ATTACHED_PIC);
    // Covers, attachments, and text of which nothing was read yet: libav gives them the film's own start.
    if (early && !primed && (video || s.codecpar->codec_type == AVMEDIA_TYPE_AUDIO))
      return format.start_time;
  }
  return 0;
}

timeline::timeline(const AVFormatContext& format) :
  jumps_(format.iformat->flags & AVFMT_TS_DISCONT), shift_(-film_start(format)), shift_before_(shift_) {
}

int64_t timeline::rounds_to(int64_t now) const noexcept {
  // Where the clock runs over, streams do so one by one: that is no jump.
  const auto rounds = std::lround(static_cast<double>(expected_ - now) / clock_round);
  return std::llabs(now + rounds * clock_round - expected_) <= far ? rounds : 0;
}

bool timeline::is_jump(int stream, int64_t now) const noexcept {
  if (std::llabs(now - expected_) > far)
    return true;
  // Streams may lie apart in the file, but none goes back by itself.
  auto last = last_.find(stream);
  return last != last_.end() && now < last->second - back;
}

int64_t timeline::settle(const AVPacket& p, int64_t now) {
  if (expected_ == AV_NOPTS_VALUE)
    return now;
  // One damaged timestamp looks like a jump, until the next packet is back where it was.
  if (shift_ != shift_before_ && std::llabs(now - expected_) > back
      && std::llabs(now - shift_ + shift_before_ - expected_) <= back) {
    now += shift_before_ - shift_;
    shift_ = shift_before_;
  } else if (is_jump(p.stream_index, now)) {
    shift_before_ = shift_;
    shift_ += expected_ - now;
    jumped_ = true;
    now = expected_;
  }
  return now;
}

void timeline::apply(AVPacket& p, AVRational time_base) {
  const auto reference = p.dts != AV_NOPTS_VALUE ? p.dts : p.pts;
  int64_t turn = 0;
  if (reference != AV_NOPTS_VALUE && jumps_) {
    auto now = av_rescale_q(reference, time_base, {1, AV_TIME_BASE}) + shift_;
    if (expected_ != AV_NOPTS_VALUE)
      turn = rounds_to(now) * clock_round;
    const auto shift = shift_;
    now = settle(p, now + turn);
    if (shift != shift_) {
      shift_ += turn;
      turn = 0;
    }
    turned_ |= turn != 0;
    expected_ = last_[p.stream_index] = now;
  }
  shift_times(p, shift_ + turn, time_base);
}

} // namespace troupe::media

#include "media/timeline.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace troupe::media {

namespace {

/// Microseconds. Streams of a broadcast lie apart by less than this.
constexpr int64_t far_apart = 10 * AV_TIME_BASE;
/// In FLV the clock begins anew where the sender did; forward it goes when nothing was sent for a while.
constexpr int64_t long_pause = 600LL * AV_TIME_BASE;
/// One stream's decoding times never go back, but for damage of less than this.
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
  broadcast_(format.iformat->flags & AVFMT_TS_DISCONT), restarts_(std::strcmp(format.iformat->name, "flv") == 0),
  shift_(-film_start(format)), shift_before_(shift_) {
}

int64_t timeline::far() const noexcept {
  return broadcast_ ? far_apart : long_pause;
}

int64_t timeline::rounds_to(int64_t now) const noexcept {
  if (!broadcast_)
    return 0;
  // Where the clock runs over, streams do so one by one: that is no jump.
  const auto rounds = std::lround(static_cast<double>(expected_ - now) / clock_round);
  return std::llabs(now + rounds * clock_round - expected_) <= far() ? rounds : 0;
}

/// Whether a packet of the stream may be shown then.
bool timeline::fits(const clock& c, int64_t now) const noexcept {
  // Streams may lie apart in the file, but none goes back by itself.
  if (c.last != AV_NOPTS_VALUE && now < c.last - back)
    return false;
  if (std::llabs(now - expected_) <= far())
    return true;
  // Pictures may be rare.
  return c.last != AV_NOPTS_VALUE && now > c.last && now - c.last <= std::max(c.length, c.step) + back;
}

/// Finds the shift for a packet that its stream's does not place well.
void timeline::settle(clock& c, int64_t own) {
  // One damaged timestamp looks like a jump, until the next packet is back where it was.
  const auto old = own + shift_before_;
  if (c.shift == shift_ && fits(c, old)
      && (std::llabs(old - expected_) <= back || (c.last != AV_NOPTS_VALUE && std::llabs(old - c.next()) <= back))) {
    c.shift = shift_ = shift_before_;
    return;
  }
  // Another stream was there first: what lay together in the source does so in the film.
  if (c.shift != shift_ && std::llabs(own + shift_ - expected_) <= far()) {
    c.shift = shift_;
    return;
  }
  shift_before_ = c.shift;
  c.shift = shift_ = (c.last != AV_NOPTS_VALUE ? c.next() : expected_) - own;
  jumped_ = true;
}

void timeline::apply(AVPacket& p, AVRational time_base) {
  const auto reference = p.dts != AV_NOPTS_VALUE ? p.dts : p.pts;
  if (reference == AV_NOPTS_VALUE || !(broadcast_ || restarts_))
    return shift_times(p, shift_, time_base);
  const AVRational microseconds{1, AV_TIME_BASE};
  auto& c = streams_.try_emplace(p.stream_index, clock{shift_}).first->second;
  const auto own = av_rescale_q(reference, time_base, microseconds);
  int64_t turn = 0;
  if (expected_ != AV_NOPTS_VALUE) {
    turn = rounds_to(own + c.shift) * clock_round;
    if (!fits(c, own + turn + c.shift))
      settle(c, own + turn);
    turned_ |= turn != 0;
  }
  c.step = c.own == AV_NOPTS_VALUE ? 0 : own - c.own;
  c.length = p.duration > 0 ? av_rescale_q(p.duration, time_base, microseconds) : std::clamp<int64_t>(c.step, 0, back);
  c.own = own;
  expected_ = c.last = own + turn + c.shift;
  shift_times(p, c.shift + turn, time_base);
}

} // namespace troupe::media

#include "media/waveform.hpp"

#include "media/decoder.hpp"

extern "C" {
#include <libavutil/samplefmt.h>
}

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace troupe::media {

namespace {

constexpr int width = 1280;
constexpr int height = 360;
/// A bar of three columns and one between.
constexpr int bars = width / 4;
/// Packets that are decoded for a bar; the first after a gap only prepares the decoder.
constexpr int packets_a_bar = 6;
/// Without a duration: this much is decoded.
constexpr double blind_seconds = 600;
constexpr int64_t max_packets = 4'000'000;
/// Larger files are not read through: each bar is sought.
constexpr int64_t read_through_bytes = 256LL << 20;

struct colour {
  uint8_t y;
  uint8_t u;
  uint8_t v;
};
// BT.601, full range: #12181f and #4fc3f7.
constexpr colour background{23, 133, 124};
constexpr colour ink{166, 174, 66};

/// The loudest sample of a frame, 0 to 1.
template <class T>
double loudest(const AVFrame& f, double zero, double full) {
  const bool planar = av_sample_fmt_is_planar(static_cast<AVSampleFormat>(f.format));
  const int channels = f.ch_layout.nb_channels;
  const int planes = planar ? channels : 1;
  const auto count = static_cast<size_t>(f.nb_samples) * static_cast<size_t>(planar ? 1 : channels);
  double most = 0;
  for (int p = 0; p < planes; ++p) {
    auto* samples = reinterpret_cast<const T*>(f.extended_data[p]);
    for (size_t i = 0; i < count; ++i)
      // Not a number compares false and is left out.
      if (double v = std::abs((static_cast<double>(samples[i]) - zero) / full); v > most)
        most = v;
  }
  return std::min(most, 1.0);
}

double loudness_of(const AVFrame& f) {
  switch (av_get_packed_sample_fmt(static_cast<AVSampleFormat>(f.format))) {
  case AV_SAMPLE_FMT_U8:
    return loudest<uint8_t>(f, 128, 128);
  case AV_SAMPLE_FMT_S16:
    return loudest<int16_t>(f, 0, 32768);
  case AV_SAMPLE_FMT_S32:
    return loudest<int32_t>(f, 0, 2147483648.0);
  case AV_SAMPLE_FMT_S64:
    return loudest<int64_t>(f, 0, 9223372036854775808.0);
  case AV_SAMPLE_FMT_FLT:
    return loudest<float>(f, 0, 1);
  case AV_SAMPLE_FMT_DBL:
    return loudest<double>(f, 0, 1);
  default:
    return 0;
  }
}

class listener {
public:
  listener(input& source, AVStream& stream, decoder codec) :
    source_(source), stream_(stream), codec_(std::move(codec)), packet_(av::make_packet()) {
    for (unsigned i = 0; i < source.format()->nb_streams; ++i)
      source.stream(i)->discard = i == static_cast<unsigned>(stream.index) ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    if (source.format()->duration > 0)
      duration_ = static_cast<double>(source.format()->duration) / AV_TIME_BASE;
    seeks_ = duration_ > 0 && source.io().size() > read_through_bytes;
    // The first packets may have been read for what they tell of the stream.
    av_seek_frame(source.format(), -1, INT64_MIN, AVSEEK_FLAG_BACKWARD);
  }

  result<void> listen() {
    for (int64_t n = 0; n < max_packets; ++n) {
      av_packet_unref(packet_.get());
      const int code = source_.read(*packet_);
      if (code == AVERROR_EXIT || source_.io().failure())
        return source_.read_error(code);
      if (code == AVERROR(EAGAIN))
        continue;
      if (code < 0)
        break;
      if (packet_->stream_index != stream_.index)
        continue;
      time_ = time_of(*packet_);
      if (duration_ <= 0 && time_ > blind_seconds)
        break;
      TROUPE_TRY(hear());
    }
    return codec_.send(nullptr, take());
  }

  /// The loudest of each bar over what was heard, against the loudest of all.
  std::array<double, bars> levels() const {
    std::array<double, bars> out{};
    const double end = std::max(end_, 1e-9);
    double most = 0;
    for (auto& [time, level] : heard_) {
      auto& bar = out[static_cast<size_t>(std::clamp(time / end * bars, 0.0, bars - 1.0))];
      bar = std::max(bar, level);
      most = std::max(most, level);
    }
    // Silence stays silent, however it is looked at.
    for (auto& bar : out)
      bar = most > 0.001 ? bar / most : 0;
    return out;
  }
  bool heard_any() const noexcept {
    return !heard_.empty();
  }

private:
  double time_of(const AVPacket& p) const {
    const auto pts = p.pts != AV_NOPTS_VALUE ? p.pts : p.dts;
    if (pts == AV_NOPTS_VALUE)
      return time_;
    const auto start = stream_.start_time != AV_NOPTS_VALUE ? stream_.start_time : 0;
    return std::max(static_cast<double>(pts - start) * av_q2d(stream_.time_base), 0.0);
  }

  frame_sink take() {
    return [this](AVFrame& f) -> result<void> {
      if (priming_ > 0 && heard_any()) {
        --priming_;
        return {};
      }
      priming_ = 0;
      heard_.emplace_back(time_, loudness_of(f));
      end_ = std::max(end_, time_ + static_cast<double>(f.nb_samples) / std::max(f.sample_rate, 1));
      return {};
    };
  }

  /// Decodes the packet unless its bar has had enough.
  result<void> hear() {
    const int bar = duration_ > 0 ? static_cast<int>(std::min(time_ / duration_, 1.0) * bars) : -1;
    if (bar >= 0 && bar == bar_ && in_bar_ >= packets_a_bar) {
      skipped_ = true;
      return seeks_ ? seek_to(bar + 1) : result<void>{};
    }
    if (bar != bar_) {
      bar_ = bar;
      in_bar_ = 0;
    }
    if (skipped_) {
      codec_.flush();
      priming_ = 1;
      skipped_ = false;
    }
    ++in_bar_;
    return codec_.send(packet_.get(), take());
  }

  result<void> seek_to(int bar) {
    auto time = static_cast<int64_t>(duration_ * bar / bars * AV_TIME_BASE);
    if (source_.format()->start_time != AV_NOPTS_VALUE)
      time += source_.format()->start_time;
    // A seek that fails, or leads back, is done without: the file is read through.
    const double before = time_;
    if (av_seek_frame(source_.format(), -1, time, 0) < 0 || before < last_seek_)
      seeks_ = false;
    last_seek_ = before;
    return {};
  }

  input& source_;
  AVStream& stream_;
  decoder codec_;
  av::packet packet_;
  double duration_ = 0;
  bool seeks_ = false;
  double last_seek_ = -1;
  double time_ = 0;
  double end_ = 0;
  int bar_ = -1;
  int in_bar_ = 0;
  bool skipped_ = false;
  int priming_ = 0;
  std::vector<std::pair<double, double>> heard_;
};

void fill(AVFrame& f, int x, int y, int w, int h, const colour& with) {
  for (int row = y; row < y + h; ++row)
    std::memset(f.data[0] + static_cast<ptrdiff_t>(row) * f.linesize[0] + x, with.y, static_cast<size_t>(w));
  for (int row = y / 2; row < (y + h) / 2; ++row) {
    std::memset(f.data[1] + static_cast<ptrdiff_t>(row) * f.linesize[1] + x / 2, with.u,
                static_cast<size_t>(w + 1) / 2);
    std::memset(f.data[2] + static_cast<ptrdiff_t>(row) * f.linesize[2] + x / 2, with.v,
                static_cast<size_t>(w + 1) / 2);
  }
}

} // namespace

result<av::frame> draw_waveform(input& source, AVStream& stream) {
  auto codec = decoder::open(stream, 1);
  if (!codec)
    return codec.error();
  listener sound(source, stream, std::move(*codec));
  TROUPE_TRY(sound.listen());
  if (!sound.heard_any())
    return {errc::bad_media, "no sound of the file can be decoded"};
  auto picture = av::make_frame();
  picture->width = width;
  picture->height = height;
  picture->format = AV_PIX_FMT_YUV420P;
  picture->color_range = AVCOL_RANGE_JPEG;
  picture->colorspace = AVCOL_SPC_BT470BG;
  if (av_frame_get_buffer(picture.get(), 0) < 0)
    throw std::bad_alloc();
  fill(*picture, 0, 0, width, height, background);
  int x = 0;
  for (double level : sound.levels()) {
    const int half = std::max(static_cast<int>(std::lround(level * height * 0.45)), 1);
    fill(*picture, x, height / 2 - half, 3, 2 * half, ink);
    x += 4;
  }
  return picture;
}

} // namespace troupe::media

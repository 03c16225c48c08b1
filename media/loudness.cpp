#include "media/loudness.hpp"

#include "media/decoder.hpp"
#include "media/filter_graph.hpp"
#include "media/sound_adapter.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>

namespace troupe::media {

namespace {

/// What the meter says of silence, and below what nobody hears: no gain makes sense.
constexpr double silence = -69;

class loudness_meter {
public:
  loudness_meter(AVStream& stream, decoder codec, const leveled_sound& sound) :
    stream_(stream), decoder_(std::move(codec)),
    chain_(sound.format.choice + (sound.format.choice.empty() ? "" : ",") + make_gain_filters(sound.format, sound.gain)
           + ",ebur128=metadata=1:peak=sample:framelog=verbose") {
  }

  result<void> take(const AVPacket* packet) {
    return decoder_.send(packet, [this](AVFrame& f) { return measure(f); });
  }
  result<void> finish() {
    TROUPE_TRY(take(nullptr));
    if (!graph_)
      return {};
    auto onward = [this](AVFrame& f) { return read(f); };
    TROUPE_TRY(adapter_->push(nullptr, *graph_, onward));
    return graph_->push(nullptr, onward);
  }
  sound_level level() const noexcept {
    return {loudness_, 20 * std::log10(std::max(peak_, 1e-9))};
  }

private:
  result<void> measure(AVFrame& f) {
    if (!graph_) {
      auto made = filter_graph::make(f, stream_.time_base, {0, 1}, chain_, AVMEDIA_TYPE_AUDIO);
      if (!made)
        return made.error();
      graph_ = std::make_unique<filter_graph>(std::move(*made));
      adapter_.emplace(static_cast<AVSampleFormat>(f.format), f.sample_rate, f.ch_layout, stream_.time_base);
    }
    return adapter_->push(&f, *graph_, [this](AVFrame& out) { return read(out); });
  }

  result<void> read(AVFrame& f) {
    if (auto* entry = av_dict_get(f.metadata, "lavfi.r128.I", nullptr, 0))
      loudness_ = std::strtod(entry->value, nullptr);
    if (auto* entry = av_dict_get(f.metadata, "lavfi.r128.sample_peak", nullptr, 0))
      peak_ = std::strtod(entry->value, nullptr);
    return {};
  }

  AVStream& stream_;
  decoder decoder_;
  std::string chain_;
  std::unique_ptr<filter_graph> graph_;
  std::optional<sound_adapter> adapter_;
  double loudness_ = -INFINITY;
  /// 1 is full scale.
  double peak_ = 0;
};

} // namespace

result<std::map<unsigned, sound_level>> measure_loudness(input& source,
                                                         const std::map<unsigned, leveled_sound>& streams,
                                                         const std::function<void(double)>& told) {
  std::map<unsigned, loudness_meter> meters;
  for (unsigned i = 0; i < source.format()->nb_streams; ++i)
    source.stream(i)->discard = AVDISCARD_ALL;
  for (auto& [index, sound] : streams) {
    auto codec = decoder::open(*source.stream(index), 1);
    if (!codec)
      return codec.error();
    source.stream(index)->discard = AVDISCARD_DEFAULT;
    meters.emplace(index, loudness_meter(*source.stream(index), std::move(*codec), sound));
  }
  source.chosen();
  const auto start = source.format()->start_time;
  const double begin = start == AV_NOPTS_VALUE ? 0 : static_cast<double>(start) / AV_TIME_BASE;
  auto packet = av::make_packet();
  for (;;) {
    int code = source.read(*packet);
    if (code == AVERROR(EAGAIN))
      continue;
    if (code == AVERROR_EXIT || source.io().failure())
      return source.read_error(code);
    // A damaged place ends the measure; the transcode that follows judges it.
    if (code < 0)
      break;
    const auto index = static_cast<unsigned>(packet->stream_index);
    if (auto meter = meters.find(index); meter != meters.end()) {
      TROUPE_TRY(meter->second.take(packet.get()));
      if (packet->pts != AV_NOPTS_VALUE)
        told(static_cast<double>(packet->pts) * av_q2d(source.stream(index)->time_base) - begin);
    }
    av_packet_unref(packet.get());
  }
  std::map<unsigned, sound_level> out;
  for (auto& [index, meter] : meters) {
    TROUPE_TRY(meter.finish());
    if (meter.level().loudness > silence)
      out[index] = meter.level();
  }
  return out;
}

} // namespace troupe::media

#include "media/loudness.hpp"

#include "media/decoder.hpp"
#include "media/filter_graph.hpp"

#include <cmath>
#include <cstdlib>
#include <memory>

namespace troupe::media {

namespace {

/// What the meter says of silence, and below what nobody hears: no gain makes sense.
constexpr double silence = -69;

class loudness_meter {
public:
  loudness_meter(AVStream& stream, decoder codec, const sound_format& mix) :
    stream_(stream), decoder_(std::move(codec)),
    chain_(mix.choice + (mix.choice.empty() ? "" : ",") + "aformat=channel_layouts=" + mix.layout
           + ",ebur128=metadata=1:framelog=verbose") {
  }

  result<void> take(const AVPacket* packet) {
    return decoder_.send(packet, [this](AVFrame& f) { return measure(f); });
  }
  result<void> finish() {
    TROUPE_TRY(take(nullptr));
    return graph_ ? graph_->push(nullptr, [this](AVFrame& f) { return read(f); }) : result<void>{};
  }
  /// LUFS.
  double loudness() const noexcept {
    return loudness_;
  }

private:
  result<void> measure(AVFrame& f) {
    // What changes its format on the way is measured in the first one.
    if (graph_ && !graph_->accepts(f))
      return {};
    if (!graph_) {
      auto made = filter_graph::make(f, stream_.time_base, {0, 1}, chain_, AVMEDIA_TYPE_AUDIO);
      if (!made)
        return made.error();
      graph_ = std::make_unique<filter_graph>(std::move(*made));
    }
    return graph_->push(&f, [this](AVFrame& out) { return read(out); });
  }

  result<void> read(AVFrame& f) {
    if (auto* entry = av_dict_get(f.metadata, "lavfi.r128.I", nullptr, 0))
      loudness_ = std::strtod(entry->value, nullptr);
    return {};
  }

  AVStream& stream_;
  decoder decoder_;
  std::string chain_;
  std::unique_ptr<filter_graph> graph_;
  double loudness_ = -INFINITY;
};

} // namespace

result<std::map<unsigned, double>> measure_loudness(input& source, const std::map<unsigned, sound_format>& streams,
                                                    const std::function<void(double)>& told) {
  std::map<unsigned, loudness_meter> meters;
  for (unsigned i = 0; i < source.format()->nb_streams; ++i)
    source.stream(i)->discard = AVDISCARD_ALL;
  for (auto& [index, mix] : streams) {
    auto codec = decoder::open(*source.stream(index), 1);
    if (!codec)
      return codec.error();
    source.stream(index)->discard = AVDISCARD_DEFAULT;
    meters.emplace(index, loudness_meter(*source.stream(index), std::move(*codec), mix));
  }
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
  std::map<unsigned, double> out;
  for (auto& [index, meter] : meters) {
    TROUPE_TRY(meter.finish());
    if (meter.loudness() > silence)
      out[index] = meter.loudness();
  }
  return out;
}

} // namespace troupe::media

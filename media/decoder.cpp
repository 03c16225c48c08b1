#include "media/decoder.hpp"

#include "media/faults.hpp"
#include "protocol/model/executor.hpp"

#include <atomic>

namespace troupe::media {

namespace {

std::atomic<int64_t> largest_picture = exec::limits{}.max_pixels;

} // namespace

void decoder::allow_pixels(int64_t most) noexcept {
  largest_picture = most;
}

decoder::decoder(av::codec_context context, bool decoding_times) :
  context_(std::move(context)), frame_(av::make_frame()), decoding_times_(decoding_times) {
}

result<decoder> decoder::open(const AVStream& stream, const decoder_settings& settings) {
  auto* codec = avcodec_find_decoder(stream.codecpar->codec_id);
  auto name = std::string(avcodec_get_name(stream.codecpar->codec_id));
  if (!codec)
    return {errc::unsupported_media, "there is no decoder for " + name};
  auto context = av::make_codec(codec);
  if (int code = avcodec_parameters_to_context(context.get(), stream.codecpar); code < 0)
    return av_error(code, "the parameters of the " + name + " stream can't be used");
  context->pkt_timebase = stream.time_base;
  context->thread_count = settings.threads;
  if (settings.rough)
    context->skip_loop_filter = AVDISCARD_ALL;
  if (settings.strict)
    context->err_recognition |= AV_EF_AGGRESSIVE;
  context->max_pixels = largest_picture;
  if (int code = avcodec_open2(context.get(), codec, nullptr); code < 0)
    return av_error(code, "the " + name + " decoder can't be opened");
  return decoder(std::move(context), settings.decoding_times);
}

void decoder::note_time(const AVPacket& packet) {
  // Decoders hold back a few frames; a film whose first frame is long in coming is damaged.
  constexpr size_t most = 64;
  if (!delay_ && packet.pos >= 0 && packet.dts != AV_NOPTS_VALUE && undelayed_.size() < most)
    undelayed_.emplace(packet.pos, packet.dts);
}

int64_t decoder::shown_at(const AVFrame& f) {
  const auto estimate = f.best_effort_timestamp;
  if (!decoding_times_ || estimate == AV_NOPTS_VALUE)
    return estimate;
  if (!delay_) {
    auto found = undelayed_.find(f.pkt_pos);
    delay_ = found == undelayed_.end() ? 0 : estimate - found->second;
    undelayed_.clear();
  }
  return estimate - *delay_;
}

result<void> decoder::send(const AVPacket* packet, const frame_sink& sink) {
  if (packet) {
    ++packets_;
    if (decoding_times_)
      note_time(*packet);
  }
  int code = avcodec_send_packet(context_.get(), packet);
  if (code == AVERROR(EAGAIN)) {
    TROUPE_TRY(receive(sink));
    code = avcodec_send_packet(context_.get(), packet);
  }
  if (code == AVERROR(ENOMEM))
    return av_error(code, "decoding failed");
  if (code < 0 && code != AVERROR_EOF)
    ++damaged_;
  return receive(sink);
}

result<void> decoder::receive(const frame_sink& sink) {
  for (;;) {
    int code = avcodec_receive_frame(context_.get(), frame_.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
      return {};
    if (code == AVERROR(ENOMEM))
      return av_error(code, "decoding failed");
    if (code < 0) {
      ++damaged_;
      return {};
    }
    ++frames_;
    if (frame_->decode_error_flags || (frame_->flags & AV_FRAME_FLAG_CORRUPT))
      ++damaged_;
    frame_->pts = shown_at(*frame_);
    // What the source chose is no order to the encoder.
    frame_->pict_type = AV_PICTURE_TYPE_NONE;
    auto taken = sink(*frame_);
    av_frame_unref(frame_.get());
    if (!taken)
      return taken;
  }
}

} // namespace troupe::media

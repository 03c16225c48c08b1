#include "media/coding_tracks.hpp"
#include "media/faults.hpp"
#include "media/stream_description.hpp"

#include <algorithm>

namespace troupe::media {

namespace {

/// One subtitle is a few lines of text.
constexpr int max_subtitle_bytes = 64 * 1024;
constexpr AVRational milliseconds_base{1, 1000};

struct decoded_subtitle : AVSubtitle {
  decoded_subtitle() : AVSubtitle{} {
  }
  ~decoded_subtitle() {
    avsubtitle_free(this);
  }
  decoded_subtitle(const decoded_subtitle&) = delete;
  decoded_subtitle& operator=(const decoded_subtitle&) = delete;
};

class subtitle_track final : public track {
public:
  subtitle_track(av::codec_context decoder, av::codec_context encoder, AVStream& in, unsigned index,
                 packet_writer& output) :
    decoder_(std::move(decoder)),
    encoder_(std::move(encoder)), in_(in), index_(index), output_(output), buffer_(max_subtitle_bytes) {
  }

  result<void> take(AVPacket& packet) override {
    ++packets_;
    decoded_subtitle text;
    int got = 0;
    const auto start = packet.pts != AV_NOPTS_VALUE ? packet.pts : packet.dts;
    const auto length = packet.duration;
    if (avcodec_decode_subtitle2(decoder_.get(), &text, &got, &packet) < 0) {
      ++damaged_;
      return {};
    }
    return got && text.num_rects > 0 && start != AV_NOPTS_VALUE ? write(text, start, length) : result<void>{};
  }
  result<void> finish() override {
    output_.finished();
    return {};
  }
  int64_t packets() const noexcept override {
    return packets_;
  }
  int64_t damaged() const noexcept override {
    return damaged_;
  }
  int64_t frames() const noexcept override {
    return written_;
  }

private:
  result<void> write(AVSubtitle& text, int64_t start, int64_t length) {
    // The decoders of text set no display times but the packet's own.
    text.start_display_time = 0;
    const auto shown = av_rescale_q(std::max<int64_t>(length, 0), in_.time_base, milliseconds_base);
    text.end_display_time = static_cast<uint32_t>(std::min<int64_t>(shown, UINT32_MAX));
    const int size = avcodec_encode_subtitle(encoder_.get(), buffer_.data(), max_subtitle_bytes, &text);
    if (size < 0) {
      ++damaged_;
      return {};
    }
    auto packet = av::make_packet();
    if (int code = av_new_packet(packet.get(), size); code < 0)
      return av_error(code, "a subtitle can't be written");
    std::copy_n(buffer_.data(), size, packet->data);
    packet->pts = packet->dts = start;
    packet->duration = length;
    packet->flags |= AV_PKT_FLAG_KEY;
    ++written_;
    return output_.write(*packet, index_, in_.time_base);
  }

  av::codec_context decoder_;
  av::codec_context encoder_;
  AVStream& in_;
  const unsigned index_;
  packet_writer& output_;
  std::vector<uint8_t> buffer_;
  int64_t packets_ = 0;
  int64_t damaged_ = 0;
  int64_t written_ = 0;
};

result<av::codec_context> open_decoder(const AVStream& in) {
  auto* codec = avcodec_find_decoder(in.codecpar->codec_id);
  auto name = std::string(avcodec_get_name(in.codecpar->codec_id));
  if (!codec)
    return {errc::unsupported_media, "there is no decoder for " + name};
  auto context = av::make_codec(codec);
  context->pkt_timebase = in.time_base;
  int code = avcodec_parameters_to_context(context.get(), in.codecpar);
  context->pkt_timebase = in.time_base;
  if (code >= 0)
    code = avcodec_open2(context.get(), codec, nullptr);
  if (code < 0)
    return av_error(code, "the " + name + " subtitles can't be decoded");
  return context;
}

/// Encoders of text want the styles that every decoder of text describes its lines with.
result<av::codec_context> open_encoder(const planned_track& plan, const AVCodecContext& decoder, bool global_header) {
  auto* codec = avcodec_find_encoder_by_name(plan.encoder.c_str());
  if (!codec)
    return {errc::unprocessable, "the encoder " + plan.encoder + " is not in this libavcodec"};
  auto context = av::make_codec(codec);
  context->time_base = milliseconds_base;
  if (decoder.subtitle_header_size > 0) {
    auto size = static_cast<size_t>(decoder.subtitle_header_size);
    context->subtitle_header = static_cast<uint8_t*>(av::checked(av_mallocz(size + 1)));
    std::copy_n(decoder.subtitle_header, size, context->subtitle_header);
    context->subtitle_header_size = decoder.subtitle_header_size;
  }
  if (global_header)
    context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  if (int code = avcodec_open2(context.get(), codec, nullptr); code < 0)
    return av_error(code, "the subtitles can't be written as " + plan.encoder);
  return context;
}

} // namespace

result<std::unique_ptr<track>> make_subtitle_track(const planned_track& plan, input& source, packet_writer& output) {
  auto& in = *source.stream(plan.stream);
  auto decoder = open_decoder(in);
  if (!decoder)
    return decoder.error();
  auto encoder = open_encoder(plan, **decoder, output.output().wants_global_header());
  if (!encoder)
    return encoder.error();
  auto* out = output.output().add_stream();
  if (int code = avcodec_parameters_from_context(out->codecpar, encoder->get()); code < 0)
    return av_error(code, "the output's stream can't be described");
  out->time_base = in.time_base;
  copy_description(*out, in);
  output.expect();
  return std::unique_ptr<track>(std::make_unique<subtitle_track>(std::move(*decoder), std::move(*encoder), in,
                                                                 static_cast<unsigned>(out->index), output));
}

} // namespace troupe::media

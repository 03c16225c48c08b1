#include "media/input_limits.hpp"

#include <cstdio>

namespace troupe::media {

namespace {

/// A header with a duration beyond this is broken; what is broken is judged by what can be read, not refused.
constexpr double believable_seconds = 366.0 * 86400;
/// Below so many frames a rate is an accident: a still picture that is shown for one tick of the clock.
constexpr int64_t frames_for_a_rate = 1000;
/// What a packet costs beside its bytes.
constexpr uint64_t packet_bytes = 64;

std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f", x);
  return text;
}

error over(const std::string& what, const std::string& limit) {
  return {errc::bad_media, what + " is over the limit of " + limit};
}

result<void> check_stream(const AVStream& stream, const exec::limits& limits) {
  auto& par = *stream.codecpar;
  auto which = " of stream " + std::to_string(stream.index);
  if (static_cast<int64_t>(par.width) * par.height > limits.max_pixels)
    return over("a picture of " + std::to_string(par.width) + "x" + std::to_string(par.height) + " pixels",
                std::to_string(limits.max_pixels) + " pixels (media.max_pixels)");
  auto rate = stream.avg_frame_rate.den > 0 ? av_q2d(stream.avg_frame_rate) : 0;
  if (rate > limits.max_frame_rate && (stream.nb_frames == 0 || stream.nb_frames > frames_for_a_rate)
      && !(stream.disposition & AV_DISPOSITION_ATTACHED_PIC))
    return over("the frame rate" + which + ", " + number(rate) + " a second,",
                number(limits.max_frame_rate) + " (media.max_frame_rate)");
  bool attachment = par.codec_type == AVMEDIA_TYPE_ATTACHMENT;
  if (!attachment && static_cast<uint64_t>(par.extradata_size) > limits.max_extradata)
    return over("the codec parameters" + which + ", " + std::to_string(par.extradata_size) + " bytes,",
                std::to_string(limits.max_extradata));
  return {};
}

} // namespace

result<void> check_limits(const AVFormatContext& format, const exec::limits& limits) {
  if (format.nb_streams > limits.max_streams)
    return over("a file with " + std::to_string(format.nb_streams) + " tracks or more",
                std::to_string(limits.max_streams) + " (media.max_streams)");
  uint64_t attached = 0;
  for (unsigned i = 0; i < format.nb_streams; ++i) {
    auto& stream = *format.streams[i];
    TROUPE_TRY(check_stream(stream, limits));
    if (stream.codecpar->codec_type == AVMEDIA_TYPE_ATTACHMENT)
      attached += static_cast<uint64_t>(stream.codecpar->extradata_size);
    attached += static_cast<uint64_t>(stream.attached_pic.size);
  }
  if (attached > limits.max_attachments)
    return over("attachments of " + std::to_string(attached) + " bytes together",
                std::to_string(limits.max_attachments) + " (media.max_attachments)");
  auto seconds = format.duration == AV_NOPTS_VALUE ? 0 : static_cast<double>(format.duration) / AV_TIME_BASE;
  if (seconds > limits.max_duration && seconds <= believable_seconds)
    return over("a film of " + number(seconds) + " seconds",
                number(limits.max_duration) + " seconds (media.max_duration)");
  return {};
}

first_decode_options::first_decode_options(const AVFormatContext& format, const exec::limits& limits) :
  each_(format.nb_streams) {
  for (auto& options : each_)
    av_dict_set_int(&options, "max_pixels", limits.max_pixels, 0);
}

first_decode_options::~first_decode_options() {
  for (auto& options : each_)
    av_dict_free(&options);
}

bool subtitle_meter::take(const AVStream& stream, const AVPacket& packet) noexcept {
  if (stream.codecpar->codec_type != AVMEDIA_TYPE_SUBTITLE)
    return true;
  bytes_ += static_cast<uint64_t>(packet.size) + packet_bytes;
  return bytes_ <= most_;
}

} // namespace troupe::media

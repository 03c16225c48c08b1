#pragma once

#include "media/av.hpp"
#include "protocol/model/result.hpp"

#include <functional>
#include <string>

namespace troupe::media {

/// Takes an encoded packet; an error ends the operation.
using packet_sink = std::function<result<void>(AVPacket&)>;

struct video_settings {
  std::string encoder;
  /// x264's constant rate factor and preset.
  uint32_t crf = 23;
  std::string preset;
  AVRational frame_rate{0, 1};
  /// Colours as the source describes them; the range is always limited.
  const AVCodecParameters* colors = nullptr;
  /// The container keeps codec headers apart from the packets.
  bool global_header = false;
};

struct audio_settings {
  std::string encoder;
  int64_t bit_rate = 0;
  bool global_header = false;
};

/// Frames in, packets out (in the encoder's time base).
class encoder {
public:
  /// `from` is the end of the filters whose frames it will get.
  static result<encoder> video(const video_settings& settings, const AVFilterContext& from);
  static result<encoder> audio(const audio_settings& settings, const AVFilterContext& from);

  /// Encodes a frame, or with nullptr what is still inside.
  result<void> send(const AVFrame* frame, const packet_sink& sink);
  const AVCodecContext& context() const noexcept {
    return *context_;
  }

private:
  explicit encoder(av::codec_context context);

  av::codec_context context_;
  av::packet packet_;
};

} // namespace troupe::media

#pragma once

#include "media/av.hpp"
#include "media/frame_upload.hpp"
#include "protocol/model/result.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace troupe::media {

/// Takes an encoded packet; an error ends the operation.
using packet_sink = std::function<result<void>(AVPacket&)>;

/// Colours as the output describes them; the range is always limited.
struct color_description {
  AVColorPrimaries primaries = AVCOL_PRI_UNSPECIFIED;
  AVColorTransferCharacteristic transfer = AVCOL_TRC_UNSPECIFIED;
  AVColorSpace space = AVCOL_SPC_UNSPECIFIED;
  AVChromaLocation chroma = AVCHROMA_LOC_UNSPECIFIED;
};

struct video_settings {
  std::string encoder;
  /// Quality in the encoder's own scale, and its preset; empty: its default.
  uint32_t crf = 23;
  std::string preset;
  /// Peak bits a second over two seconds; 0: no limit.
  int64_t max_bit_rate = 0;
  /// Bits a second to aim at instead of a quality; 0: quality.
  int64_t bit_rate = 0;
  /// Seconds between keyframes at most; 0: the encoder's default. `fixed`: nowhere else, closed groups.
  double keyframe_interval = 0;
  bool fixed_keyframes = false;
  AVRational frame_rate{0, 1};
  color_description colors;
  /// Static HDR metadata of the source, for encoders that write it into the stream; nullptr or absent: none. Borrowed.
  const AVStream* hdr_from = nullptr;
  /// The container keeps codec headers apart from the packets.
  bool global_header = false;
};

struct audio_settings {
  std::string encoder;
  int64_t bit_rate = 0;
  bool global_header = false;
};

/// Frames in, packets out (in the encoder's time base). A hardware encoder that fails is withdrawn, and the error is
/// errc::unavailable.
class encoder {
public:
  /// `from` is the end of the filters whose frames it will get.
  static result<encoder> video(const video_settings& settings, const AVFilterContext& from);
  static result<encoder> audio(const audio_settings& settings, const AVFilterContext& from);

  encoder(encoder&&) = default;
  encoder& operator=(encoder&&) = default;
  ~encoder();

  /// Encodes a frame, or with nullptr what is still inside.
  result<void> send(const AVFrame* frame, const packet_sink& sink);
  const AVCodecContext& context() const noexcept {
    return *context_;
  }

private:
  explicit encoder(av::codec_context context);
  static bool feed_grey(AVCodecContext& context) noexcept;
  result<void> open_video(const AVCodec& codec, av::options& options);
  error failed(error why) const;

  // Before the codec, which uses it to its end.
  std::optional<frame_upload> upload_;
  av::codec_context context_;
  std::string name_;
  av::packet packet_;
  bool fed_ = false;
  bool flushed_ = false;
};

} // namespace troupe::media

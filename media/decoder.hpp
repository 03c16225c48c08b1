#pragma once

#include "media/av.hpp"
#include "protocol/model/result.hpp"

#include <functional>
#include <map>
#include <optional>

namespace troupe::media {

/// Takes a decoded or filtered frame; an error ends the operation.
using frame_sink = std::function<result<void>(AVFrame&)>;

struct decoder_settings {
  /// 0: as many as the machine has cores.
  int threads = 1;
  /// Leave out the filter that smooths the edges of blocks: enough for pictures that are made much smaller.
  bool rough = false;
  /// Packets tell when they are decoded and not when they are shown: the first frame is shown when its packet is
  /// decoded, and the decoder's delay is none of the film's.
  bool decoding_times = false;
  /// A picture that ends before its bits do is damaged too (AV_EF_AGGRESSIVE). For what we encoded; there are encoders
  /// that pad.
  bool strict = false;
};

/// Packets in, frames out. A damaged packet is counted, not an error: what can be decoded of the rest goes on.
class decoder {
public:
  /// `threads` 0: as many as the machine has cores. unsupported_media when there is no decoder for it.
  static result<decoder> open(const AVStream& stream, int threads) {
    return open(stream, decoder_settings{threads});
  }
  static result<decoder> open(const AVStream& stream, const decoder_settings& settings);

  /// Decoders that are opened from now on refuse larger pictures, also when a stream changes its size half-way. For the
  /// whole process, as its one operation is.
  static void allow_pixels(int64_t most) noexcept;

  /// Decodes a packet, or with nullptr what is still inside, and hands each frame (pts set to the best estimate, in
  /// the stream's time base) to `sink`.
  result<void> send(const AVPacket* packet, const frame_sink& sink);
  /// Which frames are decoded at all, from the next packet on (AVDISCARD_NONREF, AVDISCARD_NONKEY).
  void skip(AVDiscard frames) noexcept {
    context_->skip_frame = frames;
  }
  /// Leaves out frames that no other frame needs, from the next packet on.
  void skip_unreferenced(bool skip) noexcept {
    context_->skip_frame = skip ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
  }
  /// After a seek.
  void flush() noexcept {
    avcodec_flush_buffers(context_.get());
  }
  int64_t packets() const noexcept {
    return packets_;
  }
  int64_t frames() const noexcept {
    return frames_;
  }
  /// Packets that could not be decoded and frames with concealed damage.
  int64_t damaged() const noexcept {
    return damaged_;
  }

private:
  decoder(av::codec_context context, bool decoding_times);
  result<void> receive(const frame_sink& sink);
  void note_time(const AVPacket& packet);
  int64_t shown_at(const AVFrame& frame);

  av::codec_context context_;
  av::frame frame_;
  /// Where the times are those of decoding: how much later the decoder's times are; until that is known the times of
  /// the packets by their place in the file.
  bool decoding_times_ = false;
  std::optional<int64_t> delay_;
  std::map<int64_t, int64_t> undelayed_;
  int64_t packets_ = 0;
  int64_t frames_ = 0;
  int64_t damaged_ = 0;
};

} // namespace troupe::media

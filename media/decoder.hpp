#pragma once

#include "media/av.hpp"
#include "protocol/model/result.hpp"

#include <functional>

namespace troupe::media {

/// Takes a decoded or filtered frame; an error ends the operation.
using frame_sink = std::function<result<void>(AVFrame&)>;

/// Packets in, frames out. A damaged packet is counted, not an error: what can be decoded of the rest goes on.
class decoder {
public:
  /// `threads` 0: as many as the machine has cores. unsupported_media when there is no decoder for it.
  static result<decoder> open(const AVStream& stream, int threads);

  /// Decodes a packet, or with nullptr what is still inside, and hands each frame (pts set to the best estimate, in
  /// the stream's time base) to `sink`.
  result<void> send(const AVPacket* packet, const frame_sink& sink);
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
  explicit decoder(av::codec_context context);
  result<void> receive(const frame_sink& sink);

  av::codec_context context_;
  av::frame frame_;
  int64_t packets_ = 0;
  int64_t frames_ = 0;
  int64_t damaged_ = 0;
};

} // namespace troupe::media

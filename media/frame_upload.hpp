#pragma once

#include "media/av.hpp"
#include "protocol/model/result.hpp"

namespace troupe::media {

/// Frames on their way from the machine's memory into a graphics card's, for encoders that take no others (VAAPI). One
/// thread at a time.
class frame_upload {
public:
  /// Frames of that size and format; `card` is borrowed. unavailable when the card gives no memory for them.
  static result<frame_upload> make(AVBufferRef& card, AVPixelFormat format, int width, int height);

  /// What an encoder's context has to know of the frames (hw_frames_ctx); borrowed.
  AVBufferRef* frames() const noexcept {
    return pool_.get();
  }
  /// A copy of the frame in the card's memory.
  result<av::frame> upload(const AVFrame& frame) const;

private:
  explicit frame_upload(av::buffer pool) : pool_(std::move(pool)) {
  }

  av::buffer pool_;
};

} // namespace troupe::media

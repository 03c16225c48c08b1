#pragma once

#include "media/av.hpp"
#include "protocol/model/result.hpp"

extern "C" {
#include <libswscale/swscale.h>
}

namespace troupe::media {

/// What a scaled picture is to be. 8-bit pictures for people: nothing here is for video that is encoded again.
struct picture_shape {
  int width = 0;
  int height = 0;
  AVPixelFormat format = AV_PIX_FMT_YUV420P;
  bool full_range = true;
  /// Convert to the matrix of BT.601, which JPEG (JFIF) and WebP have; else the picture keeps its own.
  bool to_bt601 = true;
};

/// Scales and converts pictures by libswscale; what it needs to know is set up once for pictures of the same kind.
/// Alpha is put on black. One thread.
class scaler {
public:
  /// bad_media when libswscale can't read this kind of picture.
  result<av::frame> scale(const AVFrame& picture, const picture_shape& shape);

private:
  struct kind {
    int width = 0;
    int height = 0;
    int format = -1;
    int matrix = 0;
    bool full_range = false;
    picture_shape to{};
    bool operator==(const kind& other) const noexcept;
  };
  struct deleter {
    void operator()(SwsContext* p) const noexcept {
      sws_freeContext(p);
    }
  };
  result<void> prepare(const kind& wanted);

  kind kind_;
  std::unique_ptr<SwsContext, deleter> context_;
};

} // namespace troupe::media

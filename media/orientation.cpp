#include "media/orientation.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <cstdlib>
#include <utility>

namespace troupe::media {

namespace {

struct plane {
  uint8_t* data;
  int stride;
  int width;
  int height;
};

void turn_plane(const plane& from, const plane& to, const orientation& how) {
  for (int y = 0; y < to.height; ++y) {
    const int v = how.flips_y ? to.height - 1 - y : y;
    uint8_t* row = to.data + static_cast<ptrdiff_t>(y) * to.stride;
    for (int x = 0; x < to.width; ++x) {
      const int u = how.flips_x ? to.width - 1 - x : x;
      const int source_x = how.swaps ? v : u;
      const int source_y = how.swaps ? u : v;
      row[x] = from.data[static_cast<ptrdiff_t>(source_y) * from.stride + source_x];
    }
  }
}

} // namespace

orientation orientation_of(const AVStream& stream) noexcept {
  size_t size = 0;
  auto* data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  if (!data || size < 9 * sizeof(int32_t))
    return {};
  // A point (x, y) is shown at (a x + c y, b x + d y).
  auto* m = reinterpret_cast<const int32_t*>(data);
  const int64_t a = m[0];
  const int64_t b = m[1];
  const int64_t c = m[3];
  const int64_t d = m[4];
  if (a * d - b * c == 0)
    return {};
  if (std::llabs(b) > std::llabs(a))
    return {true, c < 0, b < 0};
  return {false, a < 0, d < 0};
}

av::frame turn(av::frame picture, const orientation& how) {
  if (how.upright())
    return picture;
  auto out = av::make_frame();
  out->format = picture->format;
  out->width = how.swaps ? picture->height : picture->width;
  out->height = how.swaps ? picture->width : picture->height;
  if (av_frame_get_buffer(out.get(), 0) < 0)
    throw std::bad_alloc();
  av_frame_copy_props(out.get(), picture.get());
  auto* d = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(picture->format));
  for (int i = 0; i < d->nb_components; ++i) {
    auto part = [&](const AVFrame& f) {
      const bool colour = i == 1 || i == 2;
      return plane{f.data[i], f.linesize[i], colour ? AV_CEIL_RSHIFT(f.width, d->log2_chroma_w) : f.width,
                   colour ? AV_CEIL_RSHIFT(f.height, d->log2_chroma_h) : f.height};
    };
    turn_plane(part(*picture), part(*out), how);
  }
  return out;
}

} // namespace troupe::media

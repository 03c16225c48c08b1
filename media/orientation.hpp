#pragma once

#include "media/av.hpp"

namespace troupe::media {

/// How a player turns the pictures of a stream: in quarters, mirrored or not (the display matrix of ISO/IEC 14496-12).
struct orientation {
  /// Rows become columns: width and height change places.
  bool swaps = false;
  /// Then the picture is mirrored left to right, top to bottom.
  bool flips_x = false;
  bool flips_y = false;

  bool upright() const noexcept {
    return !swaps && !flips_x && !flips_y;
  }
};

/// Upright when the stream says nothing, or nothing sensible.
orientation orientation_of(const AVStream& stream) noexcept;

/// A planar 8-bit picture turned upright; the same frame when it is.
av::frame turn(av::frame picture, const orientation& how);

} // namespace troupe::media

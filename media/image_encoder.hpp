#pragma once

#include "media/av.hpp"
#include "protocol/model/executor.hpp"
#include "protocol/model/result.hpp"

#include <cstdint>
#include <vector>

namespace troupe::media {

/// A picture's file. `picture` is 4:2:0 with the matrix of BT.601, for JPEG of full range, for WebP of limited range
/// (picture_shape); `quality` is 1 to 100 in the format's own sense (JPEG: nearest step of the encoder).
result<std::vector<uint8_t>> encode_image(const AVFrame& picture, exec::picture_format format, int quality);

} // namespace troupe::media

#pragma once

#include "media/av.hpp"
#include "protocol/model/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::media {

/// How telling a picture is: 0 for one colour, about 20 and above for a usable one. The standard deviation of its
/// brightness, less when nearly all is black or white.
result<double> liveliness(const AVFrame& picture);

struct jpeg_picture {
  uint32_t width = 0;
  uint32_t height = 0;
  std::vector<uint8_t> bytes;
};

/// A JPEG of `width` pixels at most, never wider than the picture upright and in square pixels. `upright` are filters
/// that turn it (upright_filters), `swaps` whether they exchange width and height.
result<jpeg_picture> make_jpeg(const AVFrame& picture, uint32_t width, const std::string& upright, bool swaps);

/// Width and height as shown: square pixels, upright; at least 1.
void shown_size(int width, int height, AVRational sample_aspect, bool swaps, double& shown_width, double& shown_height);

} // namespace troupe::media

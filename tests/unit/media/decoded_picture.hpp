#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace media_test {

/// Channels from 0 to 255.
struct rgb {
  double red = 0;
  double green = 0;
  double blue = 0;

  /// Every channel within `tolerance`.
  bool near(const rgb& other, double tolerance) const;
};
std::string to_string(const rgb& colour);
/// How far two colours are from each other: the largest difference of a channel.
double distance(const rgb& a, const rgb& b) noexcept;

inline constexpr rgb black{0, 0, 0};
inline constexpr rgb white{255, 255, 255};
inline constexpr rgb red{255, 0, 0};
inline constexpr rgb green{0, 255, 0};
inline constexpr rgb blue{0, 0, 255};

/// A picture as the ffmpeg program decodes it.
struct decoded_picture {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> pixels;

  /// Mean colour of a rectangle in shares of width and height.
  rgb mean(double left, double top, double right, double bottom) const;
};

/// Throws when it can't be decoded.
decoded_picture decode_picture(const std::string& path);

} // namespace media_test

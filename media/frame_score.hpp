#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe::media {

/// A picture made small for judging: 8-bit, full range, luma at full size and the two colour planes at half of it,
/// rows without padding.
struct small_picture {
  static constexpr int width = 256;
  static constexpr int height = 144;

  std::vector<uint8_t> luma = std::vector<uint8_t>(std::size_t{width} * height);
  std::vector<uint8_t> blue = std::vector<uint8_t>(std::size_t{width} * height / 4, 128);
  std::vector<uint8_t> red = std::vector<uint8_t>(std::size_t{width} * height / 4, 128);
};

/// What is seen in a picture, without the black bars around it.
struct frame_score {
  /// Rows and columns that are not bars.
  int left = 0;
  int top = 0;
  int right = small_picture::width;
  int bottom = small_picture::height;
  /// Mean brightness, 0 to 255.
  double brightness = 0;
  /// Between the darkest and the brightest 2 %: small in a fade, 0 to 255.
  double contrast = 0;
  /// Entropy of the brightness, 0 (one tone) to 1 (all tones alike).
  double variety = 0;
  /// Share of the picture with any detail, 0 to 1: small on a title card.
  double detail = 0;
  /// Share of the picture that has one and the same tone, 0 to 1: large behind a logo or a title.
  double flat = 0;
  /// How steep the edges are against the contrast, 0 (blurred) to 1.
  double sharpness = 0;
  /// Spread of the colours, 0 (grey) to 1.
  double colour = 0;
  /// Shares of 32 tones.
  std::array<double, 32> tones{};
  /// All of it in one number: 0 for a picture of nothing, 1 for the best there is.
  double value = 0;
};

/// Judges a picture. Always the same for the same picture.
frame_score judge(const small_picture& picture);

} // namespace troupe::media

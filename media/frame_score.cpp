#include "media/frame_score.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace troupe::media {

namespace {

constexpr int w = small_picture::width;
constexpr int h = small_picture::height;
/// Brighter than this is not a black bar, noise of the encoder included.
constexpr int bar_level = 24;
constexpr int block = 8;
/// Standard deviation of the brightness from which a block has detail.
constexpr double detail_level = 4;
/// Tones within this distance of the most frequent one count as the same.
constexpr int same_tone = 4;

double clamped(double x) {
  return std::clamp(x, 0.0, 1.0);
}

int at(const small_picture& p, int x, int y) {
  return p.luma[static_cast<size_t>(y * w + x)];
}

/// Leaves the bars out, unless hardly anything would stay: then the dark is the picture.
void find_bars(const small_picture& p, frame_score& s) {
  auto row_is_bar = [&](int y) {
    auto* row = &p.luma[static_cast<size_t>(y * w)];
    return std::all_of(row, row + w, [](uint8_t v) { return v <= bar_level; });
  };
  int top = 0;
  int bottom = h;
  while (top < h && row_is_bar(top))
    ++top;
  while (bottom > top && row_is_bar(bottom - 1))
    --bottom;
  auto column_is_bar = [&](int x) {
    for (int y = top; y < bottom; ++y)
      if (at(p, x, y) > bar_level)
        return false;
    return true;
  };
  int left = 0;
  int right = w;
  while (left < w && column_is_bar(left))
    ++left;
  while (right > left && column_is_bar(right - 1))
    --right;
  if ((bottom - top) * (right - left) < w * h / 4)
    return;
  s.left = left;
  s.right = right;
  s.top = top;
  s.bottom = bottom;
}

void read_tones(const small_picture& p, frame_score& s) {
  std::array<double, 256> count{};
  for (int y = s.top; y < s.bottom; ++y)
    for (int x = s.left; x < s.right; ++x)
      count[static_cast<size_t>(at(p, x, y))] += 1;
  const double n = static_cast<double>(s.right - s.left) * (s.bottom - s.top);
  double sum = 0;
  double below = 0;
  int dark = -1;
  int bright = -1;
  for (int v = 0; v < 256; ++v) {
    const double c = count[static_cast<size_t>(v)];
    sum += c * v;
    s.tones[static_cast<size_t>(v / 8)] += c / n;
    below += c;
    if (dark < 0 && below > 0.02 * n)
      dark = v;
    if (bright < 0 && below >= 0.98 * n)
      bright = v;
  }
  s.brightness = sum / n;
  s.contrast = std::max(bright - dark, 0);
  for (double share : s.tones)
    if (share > 0)
      s.variety -= share * std::log2(share) / 5;
  auto mode = static_cast<int>(std::max_element(count.begin(), count.end()) - count.begin());
  for (int v = std::max(mode - same_tone, 0); v <= std::min(mode + same_tone, 255); ++v)
    s.flat += count[static_cast<size_t>(v)] / n;
}

/// Detail of a block: standard deviation of its brightness.
double deviation(const small_picture& p, int x0, int y0) {
  double sum = 0;
  double squares = 0;
  for (int y = y0; y < y0 + block; ++y)
    for (int x = x0; x < x0 + block; ++x) {
      const double v = at(p, x, y);
      sum += v;
      squares += v * v;
    }
  const double mean = sum / (block * block);
  return std::sqrt(std::max(squares / (block * block) - mean * mean, 0.0));
}

void read_detail(const small_picture& p, frame_score& s) {
  int blocks = 0;
  int detailed = 0;
  for (int y = s.top; y + block <= s.bottom; y += block)
    for (int x = s.left; x + block <= s.right; x += block) {
      ++blocks;
      detailed += deviation(p, x, y) >= detail_level;
    }
  s.detail = blocks > 0 ? static_cast<double>(detailed) / blocks : 0;
}

/// The steepest 2 % of the steps between neighbours, against the contrast: a blurred picture may have contrast, but no
/// step in it is steep.
void read_sharpness(const small_picture& p, frame_score& s) {
  std::array<int, 256> steps{};
  int n = 0;
  for (int y = s.top; y + 1 < s.bottom; ++y)
    for (int x = s.left; x + 1 < s.right; ++x) {
      int v = at(p, x, y);
      int step = std::max(std::abs(v - at(p, x + 1, y)), std::abs(v - at(p, x, y + 1)));
      ++steps[static_cast<size_t>(step)];
      ++n;
    }
  int above = 0;
  int step = 255;
  while (step > 0 && (above += steps[static_cast<size_t>(step)]) < n / 50)
    --step;
  s.sharpness = s.contrast < 1 ? 0 : clamped(step / (s.contrast * 0.35));
}

/// Half the spread, half the strength of the colours, as people rate colourfulness.
void read_colour(const small_picture& p, frame_score& s) {
  double n = 0;
  double blue = 0;
  double red = 0;
  double squares = 0;
  for (int y = s.top / 2; y < s.bottom / 2; ++y)
    for (int x = s.left / 2; x < s.right / 2; ++x) {
      auto i = static_cast<size_t>(y * (w / 2) + x);
      const double b = p.blue[i] - 128.0;
      const double r = p.red[i] - 128.0;
      blue += b;
      red += r;
      squares += b * b + r * r;
      n += 1;
    }
  if (n < 1)
    return;
  blue /= n;
  red /= n;
  const double strength = blue * blue + red * red;
  const double spread = std::max(squares / n - strength, 0.0);
  s.colour = clamped((std::sqrt(spread) + 0.3 * std::sqrt(strength)) / 24);
}

/// 1 in the middle, falling to 0 at black and white.
double exposure(double brightness) {
  return clamped((brightness - 8) / 50) * clamped((250 - brightness) / 45);
}

} // namespace

frame_score judge(const small_picture& picture) {
  frame_score s;
  find_bars(picture, s);
  read_tones(picture, s);
  read_detail(picture, s);
  read_sharpness(picture, s);
  read_colour(picture, s);
  // Products for what spoils a picture, a sum for what makes it good.
  const double fit = exposure(s.brightness) * clamped(s.contrast / 120) * (1 - 0.9 * clamped((s.flat - 0.4) / 0.45))
                     * (0.25 + 0.75 * clamped((s.sharpness - 0.15) / 0.35));
  const double good =
    0.35 * clamped(s.variety / 0.9) + 0.35 * clamped(s.detail / 0.7) + 0.15 * s.sharpness + 0.15 * s.colour;
  s.value = fit * good;
  return s;
}

} // namespace troupe::media

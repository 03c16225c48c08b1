#define CAF_SUITE media.frame_score

#include "media/frame_score.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <algorithm>
#include <functional>
#include <random>

using namespace troupe::media;

namespace {

constexpr int w = small_picture::width;
constexpr int h = small_picture::height;

small_picture paint(const std::function<int(int x, int y)>& luma) {
  small_picture p;
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x)
      p.luma[static_cast<size_t>(y * w + x)] = static_cast<uint8_t>(std::clamp(luma(x, y), 0, 255));
  return p;
}

/// Something like a scene: shapes of many tones with texture and colour, always the same.
small_picture scene() {
  std::mt19937 random(7);
  auto p = paint([&](int x, int y) {
    const int shapes = 60 + 90 * ((x / 37 + y / 29) % 2) + (x * 60) / w;
    return shapes + static_cast<int>(random() % 25) - (y > h / 2 ? 30 : 0);
  });
  for (int y = 0; y < h / 2; ++y)
    for (int x = 0; x < w / 2; ++x) {
      p.blue[static_cast<size_t>(y * w / 2 + x)] = static_cast<uint8_t>(100 + x / 3);
      p.red[static_cast<size_t>(y * w / 2 + x)] = static_cast<uint8_t>(150 - y / 2);
    }
  return p;
}

small_picture changed(small_picture p, const std::function<double(double)>& luma) {
  for (auto& v : p.luma)
    v = static_cast<uint8_t>(std::clamp(luma(v), 0.0, 255.0));
  return p;
}

small_picture blurred(const small_picture& p, int radius) {
  return paint([&](int x, int y) {
    int sum = 0;
    int n = 0;
    for (int v = std::max(y - radius, 0); v <= std::min(y + radius, h - 1); ++v)
      for (int u = std::max(x - radius, 0); u <= std::min(x + radius, w - 1); ++u, ++n)
        sum += p.luma[static_cast<size_t>(v * w + u)];
    return sum / n;
  });
}

double value(const small_picture& p) {
  return judge(p).value;
}

} // namespace

CAF_TEST(a scene is excellent and one tone is nothing) {
  CAF_CHECK(value(scene()) > 0.75);
  for (int tone : {0, 1, 16, 60, 128, 200, 255})
    CAF_CHECK(value(paint([&](int, int) { return tone; })) < 0.01);
  // Noise of a camera in the dark.
  std::mt19937 random(1);
  CAF_CHECK(value(paint([&](int, int) { return static_cast<int>(random() % 12); })) < 0.05);
}

CAF_TEST(every step of a fade is worth less) {
  double last = value(scene());
  for (double light : {0.8, 0.6, 0.4, 0.2, 0.1}) {
    auto now = value(changed(scene(), [&](double v) { return v * light; }));
    CAF_CHECK(now < last);
    last = now;
  }
  CAF_CHECK(last < 0.1);
  last = value(scene());
  for (double light : {0.6, 0.4, 0.2}) {
    auto now = value(changed(scene(), [&](double v) { return 255 - (255 - v) * light; }));
    CAF_CHECK(now < last);
    last = now;
  }
  CAF_CHECK(last < 0.3);
}

CAF_TEST(titles and logos are poor whatever their contrast) {
  auto text_on = [](int ground, int ink) {
    return paint([=](int x, int y) {
      const bool line = (y / 10) % 2 == 0 && y > 40 && y < 100 && x > 60 && x < 200;
      return line && (x / 4) % 2 == 0 ? ink : ground;
    });
  };
  for (auto [ground, ink] : {std::pair{0, 255}, {255, 0}, {40, 220}, {128, 255}})
    CAF_CHECK(value(text_on(ground, ink)) < 0.2);
}

CAF_TEST(blur costs and bars do not ) {
  auto sharp = value(changed(scene(), [](double v) { return v; }));
  auto gray = scene();
  gray.blue.assign(gray.blue.size(), 128);
  gray.red.assign(gray.red.size(), 128);
  CAF_CHECK(value(gray) < sharp);
  CAF_CHECK(value(blurred(gray, 8)) < value(gray) * 0.6);
  auto boxed = paint([&](int x, int y) {
    static const auto whole = scene();
    return y < 20 || y >= h - 20 || x < 10 ? 0 : whole.luma[static_cast<size_t>(y * w + x)];
  });
  boxed.blue = scene().blue;
  boxed.red = scene().red;
  auto score = judge(boxed);
  CAF_CHECK_EQUAL(score.top, 20);
  CAF_CHECK_EQUAL(score.bottom, h - 20);
  CAF_CHECK_EQUAL(score.left, 10);
  CAF_CHECK_EQUAL(score.right, w);
  CAF_CHECK(score.value > sharp * 0.95);
}

CAF_TEST(the same picture has the same value) {
  auto a = judge(scene());
  auto b = judge(scene());
  CAF_CHECK_EQUAL(a.value, b.value);
  CAF_CHECK(a.tones == b.tones);
}

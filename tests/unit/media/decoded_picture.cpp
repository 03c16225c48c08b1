#include "tests/unit/media/decoded_picture.hpp"
#include "tests/unit/media/samples.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>

namespace media_test {

bool rgb::near(const rgb& other, double tolerance) const {
  return distance(*this, other) <= tolerance;
}

double distance(const rgb& a, const rgb& b) noexcept {
  return std::max({std::abs(a.red - b.red), std::abs(a.green - b.green), std::abs(a.blue - b.blue)});
}

std::string to_string(const rgb& c) {
  std::ostringstream out;
  out << "(" << c.red << ", " << c.green << ", " << c.blue << ")";
  return out.str();
}

rgb decoded_picture::mean(double left, double top, double right, double bottom) const {
  rgb sum;
  double n = 0;
  for (int y = static_cast<int>(top * height); y < static_cast<int>(bottom * height); ++y)
    for (int x = static_cast<int>(left * width); x < static_cast<int>(right * width); ++x) {
      auto* p = &pixels[(static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * 3];
      sum.red += p[0];
      sum.green += p[1];
      sum.blue += p[2];
      n += 1;
    }
  return {sum.red / n, sum.green / n, sum.blue / n};
}

decoded_picture decode_picture(const std::string& path) {
  // Portable pixmap: "P6\n<width> <height>\n255\n" and the pixels.
  auto ppm =
    output_of("ffmpeg -nostdin -v error -i '" + path + "' -frames:v 1 -pix_fmt rgb24 -c:v ppm -f image2pipe -");
  std::istringstream in(ppm);
  std::string magic;
  int most = 0;
  decoded_picture out;
  in >> magic >> out.width >> out.height >> most;
  const auto size = static_cast<size_t>(out.width) * static_cast<size_t>(out.height) * 3;
  if (magic != "P6" || most != 255 || ppm.size() < size)
    throw std::runtime_error("not a picture: " + path);
  out.pixels.assign(ppm.end() - static_cast<long>(size), ppm.end());
  return out;
}

} // namespace media_test

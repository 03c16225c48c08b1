#include "protocol/model/growing_delay.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>

namespace troupe {

namespace {

/// Uniform in [0, 1).
double fraction(uint64_t bits) {
  return static_cast<double>(bits >> 11U) * 0x1.0p-53;
}

} // namespace

growing_delay::growing_delay(settings how, std::function<uint64_t()> random) : how_(how), random_(std::move(random)) {
}

milliseconds growing_delay::next() {
  // In floating point, so that many steps saturate at the maximum instead of overflowing.
  const auto most = static_cast<double>(how_.max.count());
  const auto grown = static_cast<double>(how_.first.count()) * std::pow(std::max(how_.factor, 1.0), steps_);
  if (grown < most)
    ++steps_;
  const auto kept = 1 - std::clamp(how_.jitter, 0.0, 1.0) * fraction(random_());
  return milliseconds{std::llround(std::min(grown, most) * kept)};
}

std::function<uint64_t()> machine_random() {
  std::random_device entropy;
  auto engine = std::make_shared<std::mt19937_64>((uint64_t{entropy()} << 32U) | entropy());
  return [engine] { return (*engine)(); };
}

} // namespace troupe

#include "actors/dispatch/pace.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::dispatch {

namespace {

/// What was so long ago counts a third of what is now, milliseconds.
constexpr double horizon = 120'000;
/// Parts take a while to get going.
constexpr double telling = 2'000;
constexpr double longest = 30.0 * 24 * 3'600'000;

} // namespace

void pace::begin(mono_time now) {
  if (!at_)
    at_ = now;
}

void pace::add(double shares, mono_time now) {
  if (!at_)
    return;
  const auto passed = static_cast<double>(std::max<int64_t>(0, (now - *at_).count()));
  const auto faded = std::exp(-passed / horizon);
  at_ = std::max(*at_, now);
  time_ = time_ * faded + passed;
  done_ = done_ * faded + std::max(shares, 0.0);
}

std::optional<milliseconds> pace::time_for(double shares) const {
  if (time_ < telling || !(done_ > 0))
    return std::nullopt;
  const auto takes = std::max(shares, 0.0) * time_ / done_;
  if (!(takes <= longest))
    return std::nullopt;
  return milliseconds{static_cast<int64_t>(takes)};
}

} // namespace troupe::dispatch

#include "actors/supervision/restart_policy.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::supervision {

namespace {

/// Uniform in [0, 1).
double fraction(uint64_t bits) {
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

} // namespace

restart_policy::restart_policy(backoff config, random_source random) : config_(config), random_(std::move(random)) {
}

void restart_policy::running(mono_time now) {
  running_since_ = now;
}

milliseconds restart_policy::crashed(mono_time now) {
  if (running_since_ != mono_time::max() && now - running_since_ >= config_.healthy)
    crashes_ = 0;
  running_since_ = mono_time::max();
  // In floating point, so that many crashes saturate at the maximum instead of overflowing.
  auto grown = static_cast<double>(config_.first.count()) * std::pow(std::max(config_.factor, 1.0), crashes_);
  auto delay = std::min(grown, static_cast<double>(config_.max.count()));
  if (grown < static_cast<double>(config_.max.count()))
    ++crashes_;
  delay *= 1 - std::clamp(config_.jitter, 0.0, 1.0) * fraction(random_());
  return milliseconds{std::llround(delay)};
}

restart_intensity::restart_intensity(intensity config) : config_(config) {
}

bool restart_intensity::allow(mono_time now) {
  while (!recent_.empty() && now - recent_.front() >= config_.window)
    recent_.pop_front();
  if (recent_.size() >= config_.max_restarts)
    return false;
  recent_.push_back(now);
  return true;
}

} // namespace troupe::supervision

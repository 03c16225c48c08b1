#include "actors/supervision/restart_policy.hpp"

namespace troupe::supervision {

restart_policy::restart_policy(backoff config, random_source random) :
  delay_({config.first, config.max, config.factor, config.jitter}, std::move(random)), healthy_(config.healthy) {
}

void restart_policy::running(mono_time now) {
  running_since_ = now;
}

milliseconds restart_policy::crashed(mono_time now) {
  if (running_since_ != mono_time::max() && now - running_since_ >= healthy_)
    delay_.reset();
  running_since_ = mono_time::max();
  return delay_.next();
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

#include "actors/cluster/kept_outcomes.hpp"

#include <utility>

namespace troupe::cluster {

namespace {

/// Hand-ins that wait for their commit at one time: with more than one the next is decided while the last is written.
constexpr size_t max_hand_ins = 4;

} // namespace

void kept_outcomes::add(attempt_outcome x) {
  const auto token = x.token;
  all_.emplace(token, std::move(x));
  unsent_.push_back(token);
}

void kept_outcomes::forget(const lease_token& token) {
  all_.erase(token);
}

std::vector<lease_token> kept_outcomes::tokens() const {
  std::vector<lease_token> out;
  for (auto& [token, x] : all_)
    out.push_back(token);
  return out;
}

std::vector<attempt_outcome> kept_outcomes::next() {
  std::vector<attempt_outcome> out;
  if (paused_ || under_way_ >= max_hand_ins)
    return out;
  for (auto& token : std::exchange(unsent_, {}))
    // Some may have been revoked meanwhile.
    if (auto found = all_.find(token); found != all_.end())
      out.push_back(found->second);
  under_way_ += out.empty() ? 0 : 1;
  return out;
}

void kept_outcomes::acknowledged(const std::vector<lease_token>& sent) {
  --under_way_;
  for (auto& token : sent)
    all_.erase(token);
}

bool kept_outcomes::failed(const std::vector<lease_token>& sent) {
  --under_way_;
  unsent_.insert(unsent_.begin(), sent.begin(), sent.end());
  return !std::exchange(paused_, true);
}

void kept_outcomes::start_again() {
  under_way_ = 0;
  paused_ = false;
  unsent_ = tokens();
}

} // namespace troupe::cluster

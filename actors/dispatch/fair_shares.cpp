#include "actors/dispatch/fair_shares.hpp"

#include <algorithm>

namespace troupe::dispatch {

void fair_shares::set_weights(std::map<std::string, uint32_t, std::less<>> weights) {
  weights_ = std::move(weights);
}

account& fair_shares::acquire(const std::string& owner) {
  // Jobs come in bunches of one owner.
  if (last_ && last_->owner == owner) {
    ++last_->users;
    return *last_;
  }
  if (accounts_.size() >= sweep_at_)
    sweep();
  auto [i, fresh] = accounts_.try_emplace(owner);
  auto& a = i->second;
  if (fresh) {
    a.owner = owner;
    a.tag = now_;
    if (auto w = weights_.find(owner); w != weights_.end())
      a.weight = std::max(w->second, 1u);
  }
  ++a.users;
  last_ = &a;
  return a;
}

void fair_shares::release(account& a) {
  --a.users;
}

void fair_shares::queued(account& a) {
  if (a.queued++ > 0)
    return;
  a.tag = std::max(a.tag, now_);
  weight_ += a.weight;
}

void fair_shares::unqueued(account& a) {
  if (--a.queued > 0)
    return;
  weight_ -= a.weight;
  if (weight_ < 1e-9)
    weight_ = 0;
}

void fair_shares::advance(account& a, double cost) noexcept {
  auto share = cost / a.weight;
  largest_ = std::max(largest_ * 0.9999, share);
  now_ += cost / std::max(weight_, a.weight);
  // Not beyond the window, and never back.
  a.tag = std::max(a.tag, std::min(tag(a) + share, now_ + window()));
}

void fair_shares::charge(account& a, double cost) noexcept {
  auto covered = std::min(a.credit, cost);
  a.credit -= covered;
  advance(a, cost - covered);
}

void fair_shares::settle(account& a, double charged, double actual) noexcept {
  if (actual > charged)
    advance(a, actual - charged);
  else
    a.credit = std::min(a.credit + charged - actual, window() * a.weight);
}

void fair_shares::sweep() {
  last_ = nullptr;
  std::erase_if(accounts_, [this](auto& x) { return x.second.users == 0 && x.second.tag <= now_; });
  sweep_at_ = 1024 + 2 * accounts_.size();
}

} // namespace troupe::dispatch

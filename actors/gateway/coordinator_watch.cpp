#include "actors/gateway/coordinator_watch.hpp"

namespace troupe::gateway {

std::string coordinator_watch::problem() const {
  std::lock_guard guard{mutex_};
  return problem_;
}

error coordinator_watch::refusal() {
  return {errc::unavailable, "the coordinator can't be reached from this gateway at the moment; try again soon"};
}

bool coordinator_watch::found() {
  std::lock_guard guard{mutex_};
  problem_.clear();
  look_up_ended_ = true;
  was_there_.store(true, std::memory_order_release);
  looked_.notify_all();
  return away_.exchange(false, std::memory_order_acq_rel);
}

bool coordinator_watch::lost(std::string why) {
  std::lock_guard guard{mutex_};
  problem_ = std::move(why);
  return !away_.exchange(true, std::memory_order_acq_rel);
}

void coordinator_watch::not_found(const error& why) {
  std::lock_guard guard{mutex_};
  // Asked again while it answers (it does so over another connection): nothing is wrong.
  if (!away_.load(std::memory_order_acquire))
    return;
  problem_ = why.message;
  if (!look_up_ended_ && (why.code == errc::forbidden || why.code == errc::protocol))
    first_refusal_ = why;
  look_up_ended_ = true;
  looked_.notify_all();
}

result<void> coordinator_watch::first_look_up(milliseconds limit) {
  std::unique_lock guard{mutex_};
  looked_.wait_for(guard, limit, [this] { return look_up_ended_; });
  if (first_refusal_)
    return *first_refusal_;
  return {};
}

} // namespace troupe::gateway

#include "actors/notify/topic_interest.hpp"

#include <mutex>

namespace troupe::notify {

void topic_interest::want(const std::string& topic) {
  std::lock_guard guard{mutex_};
  topics_.insert(topic);
  size_.store(topics_.size(), std::memory_order_release);
}

void topic_interest::drop(const std::string& topic) {
  std::lock_guard guard{mutex_};
  topics_.erase(topic);
  size_.store(topics_.size(), std::memory_order_release);
}

void topic_interest::clear() {
  std::lock_guard guard{mutex_};
  topics_.clear();
  size_.store(0, std::memory_order_release);
}

bool topic_interest::wanted(std::string_view topic) const {
  if (all_.load(std::memory_order_acquire))
    return true;
  if (size_.load(std::memory_order_acquire) == 0)
    return false;
  std::shared_lock guard{mutex_};
  return topics_.contains(topic);
}

void interest_keeper::followed(const std::vector<std::string>& topics) {
  for (auto& topic : topics) {
    due_.erase(topic);
    interest_->want(topic);
  }
}

void interest_keeper::abandoned(const std::vector<std::string>& topics, mono_time now) {
  for (auto& topic : topics) {
    due_[topic] = now + linger_;
    queue_.emplace_back(now + linger_, topic);
  }
}

std::vector<std::string> interest_keeper::lapsed(mono_time now) {
  std::vector<std::string> out;
  for (; !queue_.empty() && queue_.front().first <= now; queue_.pop_front()) {
    auto& [at, topic] = queue_.front();
    auto i = due_.find(topic);
    if (i == due_.end() || i->second != at)
      continue;
    due_.erase(i);
    interest_->drop(topic);
    out.push_back(std::move(topic));
  }
  return out;
}

mono_time interest_keeper::next_deadline() const {
  return queue_.empty() ? mono_time::max() : queue_.front().first;
}

} // namespace troupe::notify

#pragma once

// Who follows which topics, and the batches that a burst of events makes for them. Actor-free.

#include "protocol/model/event.hpp"

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe::notify {

/// Names a subscriber within the notifier.
using subscriber_key = uint64_t;

/// Not thread safe.
class topic_book {
public:
  /// Following twice is following once.
  void follow(subscriber_key who, const std::vector<std::string>& topics);
  /// True when nothing is followed any more: the subscriber is forgotten.
  bool unfollow(subscriber_key who, const std::vector<std::string>& topics);
  void forget(subscriber_key who);
  /// Topics that lost their last follower since the last call and have none now.
  std::vector<std::string> take_abandoned();

  /// Appends each event to the batches of those who follow its topic, in order.
  void route(const std::vector<event>& events, std::map<subscriber_key, std::vector<event>>& batches) const;

  size_t subscribers() const noexcept {
    return topics_of_.size();
  }
  size_t topics() const noexcept {
    return followers_.size();
  }

private:
  void drop(subscriber_key who, const std::string& topic);

  std::unordered_map<std::string, std::set<subscriber_key>> followers_;
  std::unordered_map<subscriber_key, std::set<std::string>> topics_of_;
  std::set<std::string> abandoned_;
};

} // namespace troupe::notify

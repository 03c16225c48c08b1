#include "actors/notify/topic_book.hpp"

namespace troupe::notify {

void topic_book::follow(subscriber_key who, const std::vector<std::string>& topics) {
  for (auto& topic : topics) {
    followers_[topic].insert(who);
    abandoned_.erase(topic);
    topics_of_[who].insert(topic);
  }
}

bool topic_book::unfollow(subscriber_key who, const std::vector<std::string>& topics) {
  auto i = topics_of_.find(who);
  if (i == topics_of_.end())
    return true;
  for (auto& topic : topics)
    if (i->second.erase(topic) > 0)
      drop(who, topic);
  if (!i->second.empty())
    return false;
  topics_of_.erase(i);
  return true;
}

void topic_book::forget(subscriber_key who) {
  auto i = topics_of_.find(who);
  if (i == topics_of_.end())
    return;
  for (auto& topic : i->second)
    drop(who, topic);
  topics_of_.erase(i);
}

std::vector<std::string> topic_book::take_abandoned() {
  std::vector<std::string> out{abandoned_.begin(), abandoned_.end()};
  abandoned_.clear();
  return out;
}

void topic_book::route(const std::vector<event>& events, std::map<subscriber_key, std::vector<event>>& batches) const {
  for (auto& e : events)
    if (auto i = followers_.find(e.topic); i != followers_.end())
      for (auto who : i->second)
        batches[who].push_back(e);
}

void topic_book::drop(subscriber_key who, const std::string& topic) {
  auto i = followers_.find(topic);
  if (i == followers_.end())
    return;
  i->second.erase(who);
  if (!i->second.empty())
    return;
  followers_.erase(i);
  abandoned_.insert(topic);
}

} // namespace troupe::notify

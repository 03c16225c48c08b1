#include "actors/cluster/peer_subscribers.hpp"

namespace troupe::cluster {

bool peer_subscribers::follow(const mesh::event_subscriber& who, const std::vector<std::string>& topics) {
  auto [i, fresh] = known_.try_emplace(who.address(), subscriber{last_key_ + 1, who});
  if (fresh)
    ++last_key_;
  book_.follow(i->second.key, topics);
  return fresh;
}

void peer_subscribers::unfollow(const mesh::event_subscriber& who, const std::vector<std::string>& topics) {
  // It stays known until its end, and may follow again.
  if (auto i = known_.find(who.address()); i != known_.end())
    book_.unfollow(i->second.key, topics);
}

void peer_subscribers::forget(const caf::actor_addr& who) {
  auto i = known_.find(who);
  if (i == known_.end())
    return;
  book_.forget(i->second.key);
  known_.erase(i);
}

} // namespace troupe::cluster

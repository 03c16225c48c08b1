#pragma once

#include "actors/notify/topic_book.hpp"
#include "protocol/mesh/registry.hpp"

#include <map>

namespace troupe::cluster {

/// The subscribers of one peer behind the one subscription of its facade. Not thread safe.
class peer_subscribers {
public:
  /// True: it was not known.
  bool follow(const mesh::event_subscriber& who, const std::vector<std::string>& topics);
  void unfollow(const mesh::event_subscriber& who, const std::vector<std::string>& topics);
  void forget(const caf::actor_addr& who);
  /// Topics that nobody of this peer follows any more, since the last call.
  std::vector<std::string> take_abandoned() {
    return book_.take_abandoned();
  }

  /// Calls `send(subscriber, event_batch)` for each that follows something of it.
  template <class Send>
  void route(const std::vector<event>& events, Send send) const {
    std::map<notify::subscriber_key, std::vector<event>> batches;
    book_.route(events, batches);
    for (auto& [addr, one] : known_)
      if (auto batch = batches.find(one.key); batch != batches.end())
        send(one.handle, mesh::event_batch{std::move(batch->second)});
  }

private:
  struct subscriber {
    notify::subscriber_key key;
    mesh::event_subscriber handle;
  };
  std::map<caf::actor_addr, subscriber> known_;
  notify::subscriber_key last_key_ = 0;
  notify::topic_book book_;
};

} // namespace troupe::cluster

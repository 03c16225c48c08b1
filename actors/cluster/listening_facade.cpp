#include "actors/cluster/listening_facade.hpp"

namespace troupe::cluster {

listening_facade::listening_facade(caf::actor_config& config, admitted_peer peer, const char* name,
                                   mesh::event_source events) :
  facade(config, std::move(peer), name),
  events_(std::move(events)) {
}

mesh::event_subscriber listening_facade::as_subscriber() {
  return caf::actor_cast<mesh::event_subscriber>(this);
}

caf::message_handler listening_facade::event_handlers() {
  return {
    [this](mesh::follow_topics& x, const mesh::event_subscriber& who) {
      if (!who)
        return refuse<mesh::done>({errc::protocol, "events are followed without a handle to tell"});
      if (subscribers_.follow(who, x.topics))
        monitor(who);
      return ask<mesh::done>(events_, std::move(x), as_subscriber());
    },
    [this](const mesh::unfollow_topics& x, const mesh::event_subscriber& who) {
      if (who)
        subscribers_.unfollow(who, x.topics);
      drop_abandoned();
    },
    passes<mesh::catch_up, mesh::caught_up>(events_),
    // From the notifier.
    [this](const mesh::event_batch& x) {
      subscribers_.route(x.events, [this](auto& who, mesh::event_batch batch) { send(who, std::move(batch)); });
    },
  };
}

void listening_facade::ended(const caf::actor_addr& who) {
  subscribers_.forget(who);
  drop_abandoned();
}

void listening_facade::drop_abandoned() {
  if (auto topics = subscribers_.take_abandoned(); !topics.empty())
    send(events_, mesh::unfollow_topics{std::move(topics)}, as_subscriber());
}

} // namespace troupe::cluster

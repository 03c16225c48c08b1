#pragma once

// Live events.

#include "protocol/mesh/messages/inspect.hpp"
#include "protocol/model/event.hpp"

namespace troupe::mesh {

struct publish_events {
  /// epoch, seq and time are filled in by the notifier.
  std::vector<event> events;
};
TROUPE_INSPECT(publish_events, x.events)

struct event_batch {
  std::vector<event> events;
};
TROUPE_INSPECT(event_batch, x.events)

struct follow_topics {
  std::vector<std::string> topics;
};
TROUPE_INSPECT(follow_topics, x.topics)

struct unfollow_topics {
  std::vector<std::string> topics;
};
TROUPE_INSPECT(unfollow_topics, x.topics)

struct catch_up {
  event_position since;
};
TROUPE_INSPECT(catch_up, x.since)

struct caught_up {
  std::vector<event> events;
  event_position position;
  /// True: what was missed can't be told (another epoch, or too long ago): send a snapshot.
  bool gap = false;
};
TROUPE_INSPECT(caught_up, x.events, x.position, x.gap)

} // namespace troupe::mesh

#pragma once

#include "actors/notify/event_log.hpp"
#include "actors/notify/topic_interest.hpp"
#include "protocol/mesh/registry.hpp"
#include "protocol/ports/key_value.hpp"

#include <memory>

namespace troupe::notify {

struct notifier_config {
  event_log_config log;
  /// Outlives the actor. Required.
  const clock* time = nullptr;
  /// Changes at each start; never 0. See random_epoch.
  uint64_t epoch = 0;
  /// Optional: every event also goes to its channel `mirror_channel` as JSON, for other programs.
  std::shared_ptr<ports::key_value> mirror;
  std::string mirror_channel = "troupe:events";
  /// Optional: kept up to date for publishers that ask before they make an event. With a mirror every topic is wanted.
  std::shared_ptr<topic_interest> interest;
  /// How long a topic stays wanted after its last follower left.
  milliseconds interest_linger{60'000};
};

/// From the process-wide random source; at most 53 bits, so that JavaScript clients keep every digit of it.
uint64_t random_epoch();

/// Role: topics → subscribers (mesh::notifier). Thread: the scheduler's; it never blocks.
/// Supervisor: permanent. A restart means a new epoch and no subscribers: those notice the DOWN, follow anew, and their
/// clients get a snapshot in place of what was lost. A subscriber that dies is forgotten.
/// The first progress after a quiet time goes out at once; what arrives in one burst goes to a subscriber as one
/// message. Progress over the rate waits in the event_log, and a timer tells the newest of it.
mesh::notifier spawn_notifier(caf::actor_system& sys, notifier_config config);

} // namespace troupe::notify

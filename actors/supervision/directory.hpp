#pragma once

// Where actors of other nodes are: (node, name) → handle, found afresh with backoff after each DOWN.

#include "actors/supervision/restart_policy.hpp"

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/expected.hpp>

#include <functional>
#include <string>

namespace troupe::supervision {

/// Request to the directory, answered with actor_located; with an error (the look-up's own) when it is not known and
/// the look-up that this request starts fails. Nothing is tried again for it.
struct find_actor {
  std::string node;
  std::string name;
};

/// The sender gets actor_located at once or as soon as it is found, and again after each return, and actor_lost after
/// each DOWN, until it unfollows or ends.
struct follow_actor {
  std::string node;
  std::string name;
};

struct unfollow_actor {
  std::string node;
  std::string name;
};

struct actor_located {
  std::string node;
  std::string name;
  caf::actor handle;
};

/// What was in flight has failed; nothing is sent again.
struct actor_lost {
  std::string node;
  std::string name;
};

struct directory_config {
  /// Finds an actor, e.g. by middleman().remote_actor(). It may block up to 60 s: it runs on a thread of its own, one
  /// look-up at a time. An exception counts as an error.
  std::function<caf::expected<caf::actor>(const std::string& node, const std::string& name)> look_up;
  /// Between look-ups; a handle that held for `healthy` starts it over.
  backoff delays{milliseconds{500}, milliseconds{30'000}, 2, 0.25, milliseconds{60'000}};
  /// Empty: seeded by the machine.
  random_source random;
  /// False: the look-up runs in the scheduler's thread (tests with the deterministic scheduler).
  bool detached = true;
};

/// One per node. To be supervised before those that use it (rest_for_one): a new directory has no followers.
caf::actor spawn_directory(caf::actor_system& sys, directory_config config);

} // namespace troupe::supervision

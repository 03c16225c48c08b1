#pragma once

#include "actors/cluster/worker.hpp"
#include "protocol/mesh/local.hpp"

namespace troupe::cluster {

struct data_watch_config {
  /// Proves that the coordinator's data folder is here; an error's message is for people. May block for ever.
  std::function<result<void>()> prove;
  /// Who is told what was found.
  worker tells;
  /// Between two looks: while it is there, and while it is not.
  milliseconds every{60'000};
  milliseconds retry{5'000};
  /// For one look; a mount that is silent for longer hangs.
  milliseconds limit{10'000};
  /// What is told of one that hangs.
  std::string hung;
  /// Runs what may block for ever on a thread of its own, for which nobody waits. In place in tests.
  std::function<void(std::function<void()>)> on_a_thread;
};

/// An attempt could not prove the data folder.
struct recheck_data {};
struct data_watch_timer {
  enum class kind : uint8_t { look, limit };
  kind what = kind::look;
  /// Of the look that set it; older ones are void.
  uint64_t look = 0;
};
/// From the thread of a look.
struct data_looked_at {
  uint64_t look = 0;
  result<void> found;
};

using data_watch =
  caf::typed_actor<caf::reacts_to<recheck_data>, caf::reacts_to<data_watch_timer>, caf::reacts_to<data_looked_at>>;

/// Role: says whether the coordinator's data folder is still mounted on this node, from time to time and when an
/// attempt did not find it, so that the worker stops taking work, and begins again by itself. Thread: a scheduler
/// thread; each look has a thread of its own, and one that hangs gets no other. Supervisor: the worker's; a new one
/// looks at once.
data_watch spawn_data_watch(caf::actor_system& sys, data_watch_config config);

} // namespace troupe::cluster

TROUPE_LOCAL_MESSAGE(troupe::cluster::recheck_data)
TROUPE_LOCAL_MESSAGE(troupe::cluster::data_watch_timer)
TROUPE_LOCAL_MESSAGE(troupe::cluster::data_looked_at)

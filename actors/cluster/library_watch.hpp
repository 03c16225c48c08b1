#pragma once

#include "actors/cluster/library_proof.hpp"
#include "actors/cluster/mounted_libraries.hpp"
#include "actors/cluster/worker.hpp"
#include "protocol/mesh/local.hpp"

namespace troupe::cluster {

struct library_watch_config {
  /// The coordinator's handles as of now. Any thread; must not block.
  std::function<mesh::worker_handles()> coordinator;
  /// Who offers to the dispatcher what is found.
  worker offers_to;
  std::shared_ptr<const library_proof> proof;
  std::shared_ptr<mounted_libraries> mounted;
  /// Between two rounds.
  milliseconds every{60'000};
  /// After a round that got no answer from the coordinator.
  milliseconds retry{5'000};
  /// For a check of one library; a mount that is silent for longer hangs.
  milliseconds limit{10'000};
  milliseconds request_timeout{20'000};
  /// Between two rounds that attempts asked for.
  milliseconds least_pause{2'000};
  std::shared_ptr<const clock> time = std::make_shared<const system_clocks>();
  /// Runs what may block for ever on a thread of its own, for which nobody waits. In place in tests.
  std::function<void(std::function<void()>)> on_a_thread;
};

/// The coordinator is there, perhaps another one: whatever was offered before has to be looked at again.
struct watch_joined {};
/// An attempt did not find a file where it should be.
struct recheck_libraries {};
struct watch_timer {
  enum class kind : uint8_t { round, limit, pause_over };
  kind what = kind::round;
  uint64_t round = 0;
};
/// From the thread of a check.
struct library_checked {
  uint64_t check = 0;
  std::shared_ptr<const mesh::sampled_library> lib;
  result<void> found;
};

using library_watch = mesh::library_listener::extend<caf::reacts_to<watch_joined>, caf::reacts_to<recheck_libraries>,
                                                     caf::reacts_to<watch_timer>, caf::reacts_to<library_checked>>;

/// Role: finds out which libraries this node has, in rounds: asks the coordinator for samples, checks each library,
/// tells mounted_libraries, and the worker when something has changed. A library that was here is given up only after a
/// check with samples of this moment. While the coordinator is away, everything stays as it was. Thread: a scheduler
/// thread; each check has a thread of its own, and a library whose check hangs gets no other one. Supervisor: the
/// worker's; a new one begins anew.
library_watch spawn_library_watch(caf::actor_system& sys, library_watch_config config);

} // namespace troupe::cluster

TROUPE_LOCAL_MESSAGE(troupe::cluster::watch_joined)
TROUPE_LOCAL_MESSAGE(troupe::cluster::recheck_libraries)
TROUPE_LOCAL_MESSAGE(troupe::cluster::watch_timer)
TROUPE_LOCAL_MESSAGE(troupe::cluster::library_checked)

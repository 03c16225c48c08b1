#pragma once

#include "actors/cluster/coordinator_files.hpp"
#include "protocol/mesh/actors.hpp"
#include "protocol/mesh/local.hpp"
#include "protocol/ports/http_client.hpp"

namespace troupe::cluster {

struct files_watch_config {
  /// Whom to ask where the file server is; a null handle: nobody at present.
  std::function<mesh::file_reader()> desk;
  /// Begins to read a little there and tells how that ended, once, on any thread; never blocks.
  std::function<std::shared_ptr<ports::transfer>(const mesh::file_grant&, std::function<void(error)> done)> try_it;
  /// Whether this node needs it: false, and it is not looked at, as long as all is mounted here. Never blocks.
  std::function<bool()> needed;
  /// Told what files_reach says.
  std::function<void(const std::string& problem)> tell;
  /// This node's name, for people.
  std::string node;
  files_reach::settings times;
  milliseconds request_timeout{10'000};
};

/// The coordinator is there, perhaps another one; or a transfer has failed.
struct recheck_files {};
struct files_watch_timer {
  /// Of the look that set it; older ones are void.
  uint64_t look = 0;
};
/// From the thread of a transfer.
struct files_tried {
  uint64_t look = 0;
  error how{errc::none, {}};
};

using files_watch =
  caf::typed_actor<caf::reacts_to<recheck_files>, caf::reacts_to<files_watch_timer>, caf::reacts_to<files_tried>>;

/// Role: says whether this node reaches the coordinator's file server, which listens at another port than the mesh and
/// perhaps at another address: at each join, from time to time, and when a transfer has failed. It reads what every
/// coordinator serves (file_rules: reach_file). Thread: a scheduler thread; what it reads comes by the client's own.
/// Supervisor: the worker's, or a gateway's; a new one looks at once.
files_watch spawn_files_watch(caf::actor_system& sys, files_watch_config config);

} // namespace troupe::cluster

TROUPE_LOCAL_MESSAGE(troupe::cluster::recheck_files)
TROUPE_LOCAL_MESSAGE(troupe::cluster::files_watch_timer)
TROUPE_LOCAL_MESSAGE(troupe::cluster::files_tried)

#pragma once

#include "actors/cluster/facade.hpp"

namespace troupe::cluster {

/// Role: the coordinator as one worker of another node sees it, and that worker as the dispatcher sees it. It speaks
/// for the worker that said hello through it and for no other; its node's name is the certificate's. Thread: a
/// scheduler thread. Begun by the door, supervised by nobody: it ends with who knocked, with the worker, and with the
/// coordinator's addresses; the worker then comes in anew.
/// errc::unavailable: see spawn_unguessable.
result<mesh::worker_handles> open_worker_facade(caf::actor_system& system, admitted_peer peer,
                                                mesh::worker_handles behind);

} // namespace troupe::cluster

#pragma once

#include "actors/cluster/facade.hpp"

namespace troupe::cluster {

/// Role: the coordinator as one gateway of another node sees it. Its clients administer by HTTP, so queues, nodes and
/// libraries are among what it may ask; what scans, jobs and other gateways do is not. It gets addresses of files for
/// its own node only. Otherwise as worker_facade.hpp.
result<mesh::gateway_handles> open_gateway_facade(caf::actor_system& system, admitted_peer peer,
                                                  mesh::gateway_handles behind);

} // namespace troupe::cluster

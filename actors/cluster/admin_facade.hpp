#pragma once

#include "actors/cluster/facade.hpp"

namespace troupe::cluster {

/// Role: the coordinator as one administrator sees it, who may do everything: it keeps the numbers of the actors behind
/// from whoever else speaks BASP. Otherwise as worker_facade.hpp.
result<mesh::admin_handles> open_admin_facade(caf::actor_system& system, admitted_peer peer,
                                              mesh::admin_handles behind);

} // namespace troupe::cluster

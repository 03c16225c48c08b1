#pragma once

#include "actors/gateway/coordinator_watch.hpp"
#include "nodes/link/mesh_access.hpp"
#include "nodes/trouped/places_in_turn.hpp"

#include <memory>

namespace troupe::node {

/// How a gateway on another node comes in at the coordinator's door. Thread safe.
class gateway_entry {
public:
  /// `system` outlives all calls of `enter`.
  gateway_entry(caf::actor_system& system, std::shared_ptr<const mesh_access> access,
                std::vector<config::host_port> places, std::string name,
                std::shared_ptr<gateway::coordinator_watch> watch);

  /// Tries the addresses in turn, some seconds each; tells the watch when nobody let us in. Blocks.
  result<mesh::gateway_welcome> enter();
  /// What the last one that succeeded gave.
  mesh::gateway_welcome last() const;
  /// Where somebody let us in last, as this node calls it.
  std::string host() const {
    return places_.last().host;
  }

private:
  caf::actor_system& system_;
  std::shared_ptr<const mesh_access> access_;
  places_in_turn places_;
  std::string name_;
  std::shared_ptr<gateway::coordinator_watch> watch_;
  mutable std::mutex mutex_;
  mesh::gateway_welcome last_;
};

} // namespace troupe::node

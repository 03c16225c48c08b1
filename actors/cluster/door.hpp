#pragma once

#include "actors/cluster/gatekeeper.hpp"
#include "protocol/mesh/registry.hpp"

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>

namespace troupe::cluster {

/// A gateway of this name, with this version of the program, is here until the end of what is returned. Called on the
/// door's thread; must not block. Empty: nobody wants to know.
using gateway_arrival =
  std::function<std::shared_ptr<const void>(const std::string& name, const std::string& software)>;

struct door_state {
  door_state() = default;

  /// A role, a name and the process that has come in with them.
  using peer_key = std::array<std::string, 3>;

  std::shared_ptr<gatekeeper> keeper;
  mesh::admin_handles admin;
  mesh::worker_handles worker;
  mesh::gateway_welcome gateway;
  gateway_arrival gateway_came;
  /// Facades that live, the oldest first.
  std::map<peer_key, std::deque<caf::actor>> facades;
};

/// A process that comes in again and again has so many facades: earlier ones may still have answers under way.
inline constexpr size_t most_facades = 4;

/// Role: the only actor that a coordinator publishes: opens a facade for a peer of what its role may use, once its
/// gatekeeper has let it in. Thread: a scheduler thread. Supervisor: the coordinator's, one_for_one, behind a stable
/// address; a new door keeps the gatekeeper, which nothing else uses, and facades live on without their door.
mesh::door::behavior_type door(mesh::door::stateful_pointer<door_state> self, std::shared_ptr<gatekeeper> keeper,
                               mesh::admin_handles admin, mesh::worker_handles worker, mesh::gateway_welcome gateway,
                               gateway_arrival gateway_came);

struct node_info_state {
  node_info_state() = default;

  mesh::node_status status;
  mono_time started;
  std::shared_ptr<const std::atomic<uint64_t>> term;
  std::vector<media_profile> profiles;
  std::shared_ptr<const refusal_log> refusals;
};

/// Role: says what this node is, which profiles its configuration has, and whom its door has refused. Uptime and term
/// are filled in at each answer.
mesh::node_info::behavior_type node_info(mesh::node_info::stateful_pointer<node_info_state> self,
                                         mesh::node_status status, std::shared_ptr<const std::atomic<uint64_t>> term,
                                         std::vector<media_profile> profiles,
                                         std::shared_ptr<const refusal_log> refusals);

} // namespace troupe::cluster

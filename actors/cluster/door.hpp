#pragma once

#include "actors/cluster/gatekeeper.hpp"
#include "protocol/mesh/registry.hpp"

#include <atomic>
#include <memory>

namespace troupe::cluster {

struct door_state {
  door_state() = default;

  std::shared_ptr<gatekeeper> keeper;
  mesh::admin_handles admin;
  mesh::worker_handles worker;
  mesh::gateway_welcome gateway;
};

/// Role: the only actor that a coordinator publishes: hands a peer what its role may use, and nothing else, once its
/// gatekeeper has let it in. Thread: a scheduler thread. Supervisor: the coordinator's, one_for_one, behind a stable
/// address; a new door keeps the gatekeeper, which nothing else uses.
mesh::door::behavior_type door(mesh::door::stateful_pointer<door_state> self, std::shared_ptr<gatekeeper> keeper,
                               mesh::admin_handles admin, mesh::worker_handles worker, mesh::gateway_welcome gateway);

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

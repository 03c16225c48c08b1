#pragma once

#include "protocol/mesh/registry.hpp"

#include <atomic>
#include <memory>

namespace troupe::cluster {

struct door_state {
  door_state() = default;

  mesh::admin_handles admin;
  mesh::worker_handles worker;
};

/// Role: the only actor that a coordinator publishes: hands a peer what its role may use, and nothing else. Thread: a
/// scheduler thread. Supervisor: the coordinator's, one_for_one, behind a stable address. Peers of another protocol
/// version are refused with errc::protocol, which names both versions.
mesh::door::behavior_type door(mesh::door::stateful_pointer<door_state> self, mesh::admin_handles admin,
                               mesh::worker_handles worker);

struct node_info_state {
  node_info_state() = default;

  mesh::node_status status;
  mono_time started;
  std::shared_ptr<const std::atomic<uint64_t>> term;
  std::vector<media_profile> profiles;
};

/// Role: says what this node is, and which profiles its configuration has. Uptime and term are filled in at each
/// answer.
mesh::node_info::behavior_type node_info(mesh::node_info::stateful_pointer<node_info_state> self,
                                         mesh::node_status status, std::shared_ptr<const std::atomic<uint64_t>> term,
                                         std::vector<media_profile> profiles);

} // namespace troupe::cluster

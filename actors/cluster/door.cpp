#include "actors/cluster/door.hpp"

#include <spdlog/spdlog.h>

namespace troupe::cluster {

namespace {

/// errc::none when the peer may come in.
error check(const mesh::knock& x) {
  if (x.protocol_version == worker_protocol_version)
    return {errc::none, {}};
  return {errc::protocol, x.name + " speaks protocol version " + std::to_string(x.protocol_version)
                            + ", this coordinator " + std::to_string(worker_protocol_version)
                            + "; install the same version of Troupe on both"};
}

} // namespace

mesh::door::behavior_type door(mesh::door::stateful_pointer<door_state> self, mesh::admin_handles admin,
                               mesh::worker_handles worker) {
  self->state.admin = std::move(admin);
  self->state.worker = std::move(worker);
  return {
    [self](const mesh::knock_as_worker& x) -> caf::result<mesh::worker_handles> {
      if (auto refused = check(x.knock); refused.code != errc::none) {
        spdlog::warn("door: refused worker: {}", refused.message);
        return mesh::to_caf(refused);
      }
      return self->state.worker;
    },
    [self](const mesh::knock& x) -> caf::result<mesh::admin_handles> {
      if (auto refused = check(x); refused.code != errc::none) {
        spdlog::warn("door: refused: {}", refused.message);
        return mesh::to_caf(refused);
      }
      return self->state.admin;
    },
  };
}

mesh::node_info::behavior_type node_info(mesh::node_info::stateful_pointer<node_info_state> self,
                                         mesh::node_status status, std::shared_ptr<const std::atomic<uint64_t>> term,
                                         std::vector<media_profile> profiles) {
  self->state.status = std::move(status);
  self->state.term = std::move(term);
  self->state.profiles = std::move(profiles);
  self->state.started = system_clocks{}.mono();
  return {
    [self](const mesh::get_status&) {
      auto answer = self->state.status;
      answer.term = *self->state.term;
      answer.uptime = system_clocks{}.mono() - self->state.started;
      return answer;
    },
    [self](const mesh::get_profiles&) { return mesh::profile_list{self->state.profiles}; },
  };
}

} // namespace troupe::cluster

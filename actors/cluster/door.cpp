#include "actors/cluster/door.hpp"

#include <spdlog/spdlog.h>

namespace troupe::cluster {

mesh::door::behavior_type door(mesh::door::stateful_pointer<door_state> self, std::shared_ptr<gatekeeper> keeper,
                               mesh::admin_handles admin, mesh::worker_handles worker, mesh::gateway_welcome gateway) {
  self->state.keeper = std::move(keeper);
  self->state.admin = std::move(admin);
  self->state.worker = std::move(worker);
  self->state.gateway = std::move(gateway);
  auto admit = [self](const mesh::knock& x, std::string_view role) {
    auto name = self->state.keeper->admit(x, role);
    if (!name)
      spdlog::warn("door: refused {} '{}': {}", role, x.name, name.error().message);
    return name;
  };
  return {
    [self](const mesh::greet& x) -> caf::result<mesh::greeting> {
      auto out = self->state.keeper->greet(x);
      if (!out) {
        spdlog::warn("door: refused: {}", out.error().message);
        return mesh::to_caf(out.error());
      }
      return std::move(*out);
    },
    [self, admit](const mesh::knock_as_worker& x) -> caf::result<mesh::worker_handles> {
      if (auto name = admit(x.knock, "worker"); !name)
        return mesh::to_caf(name.error());
      return self->state.worker;
    },
    [self, admit](const mesh::knock_as_gateway& x) -> caf::result<mesh::gateway_welcome> {
      auto name = admit(x.knock, "gateway");
      if (!name)
        return mesh::to_caf(name.error());
      spdlog::info("door: gateway {} has come in", *name);
      return self->state.gateway;
    },
    [self, admit](const mesh::knock& x) -> caf::result<mesh::admin_handles> {
      if (auto name = admit(x, "admin"); !name)
        return mesh::to_caf(name.error());
      return self->state.admin;
    },
  };
}

mesh::node_info::behavior_type node_info(mesh::node_info::stateful_pointer<node_info_state> self,
                                         mesh::node_status status, std::shared_ptr<const std::atomic<uint64_t>> term,
                                         std::vector<media_profile> profiles,
                                         std::shared_ptr<const refusal_log> refusals) {
  self->state.status = std::move(status);
  self->state.term = std::move(term);
  self->state.profiles = std::move(profiles);
  self->state.refusals = std::move(refusals);
  self->state.started = system_clocks{}.mono();
  return {
    [self](const mesh::get_status&) {
      auto answer = self->state.status;
      answer.term = *self->state.term;
      answer.uptime = system_clocks{}.mono() - self->state.started;
      return answer;
    },
    [self](const mesh::get_profiles&) { return mesh::profile_list{self->state.profiles}; },
    [self](const mesh::get_refusals&) { return mesh::refusal_list{self->state.refusals->last()}; },
  };
}

} // namespace troupe::cluster

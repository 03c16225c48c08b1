#include "actors/cluster/door.hpp"

#include "actors/cluster/admin_facade.hpp"
#include "actors/cluster/gateway_facade.hpp"
#include "actors/cluster/worker_facade.hpp"

#include <spdlog/spdlog.h>

namespace troupe::cluster {

namespace {

using self_ptr = mesh::door::stateful_pointer<door_state>;

result<admitted_peer> admit(self_ptr self, const mesh::knock& x, std::string_view role) {
  auto& keeper = *self->state.keeper;
  auto name = keeper.admit(x, role);
  if (!name) {
    spdlog::warn("door: refused {} '{}': {}", role, x.name, name.error().message);
    return std::move(name).error();
  }
  if (!self->current_sender())
    return {errc::protocol, "the peer knocks without a handle to answer to"};
  return admitted_peer{std::move(*name), keeper.certifies(), self->current_sender()};
}

void keep(self_ptr self, door_state::peer_key key, caf::actor made) {
  auto& facades = self->state.facades[std::move(key)];
  self->monitor(made);
  facades.push_back(std::move(made));
  if (facades.size() > most_facades) {
    self->send_exit(facades.front(), caf::exit_reason::user_shutdown);
    facades.pop_front();
  }
}

void forget(self_ptr self, const caf::actor_addr& gone) {
  auto& all = self->state.facades;
  for (auto peer = all.begin(); peer != all.end();) {
    std::erase_if(peer->second, [&](auto& one) { return one.address() == gone; });
    peer = peer->second.empty() ? all.erase(peer) : std::next(peer);
  }
}

/// `open` makes the facade, `any` is one of its handles.
template <class Handles, class Open, class Any>
caf::result<Handles> let_in(self_ptr self, const mesh::knock& x, const char* role, Open open, Any any) {
  auto peer = admit(self, x, role);
  if (!peer)
    return mesh::to_caf(peer.error());
  door_state::peer_key key{role, peer->name, caf::to_string(peer->who->node())};
  result<Handles> made = open(std::move(*peer));
  if (!made)
    return mesh::to_caf(made.error());
  keep(self, std::move(key), caf::actor_cast<caf::actor>(any(*made)));
  return std::move(*made);
}

} // namespace

mesh::door::behavior_type door(self_ptr self, std::shared_ptr<gatekeeper> keeper, mesh::admin_handles admin,
                               mesh::worker_handles worker, mesh::gateway_welcome gateway,
                               gateway_arrival gateway_came) {
  self->state.keeper = std::move(keeper);
  self->state.admin = std::move(admin);
  self->state.worker = std::move(worker);
  self->state.gateway = std::move(gateway);
  self->state.gateway_came = std::move(gateway_came);
  self->set_down_handler([self](const caf::down_msg& x) { forget(self, x.source); });
  return {
    [self](const mesh::greet& x) -> caf::result<mesh::greeting> {
      auto out = self->state.keeper->greet(x);
      if (!out) {
        spdlog::warn("door: refused: {}", out.error().message);
        return mesh::to_caf(out.error());
      }
      return std::move(*out);
    },
    [self](const mesh::knock_as_worker& x) {
      auto open = [self](admitted_peer peer) {
        return open_worker_facade(self->system(), std::move(peer), self->state.worker);
      };
      return let_in<mesh::worker_handles>(self, x.knock, "worker", open, [](auto& made) { return made.jobs; });
    },
    [self](const mesh::knock_as_gateway& x) {
      auto open = [self, software = x.knock.software](admitted_peer peer) -> result<mesh::gateway_welcome> {
        spdlog::info("door: gateway {} has come in", peer.name);
        if (self->state.gateway_came)
          peer.presence = self->state.gateway_came(peer.name, software);
        auto handles = open_gateway_facade(self->system(), std::move(peer), self->state.gateway.handles);
        if (!handles)
          return std::move(handles).error();
        auto out = self->state.gateway;
        out.handles = std::move(*handles);
        return out;
      };
      return let_in<mesh::gateway_welcome>(self, x.knock, "gateway", open,
                                           [](auto& made) { return made.handles.jobs; });
    },
    [self](const mesh::knock& x) {
      auto open = [self](admitted_peer peer) {
        return open_admin_facade(self->system(), std::move(peer), self->state.admin);
      };
      return let_in<mesh::admin_handles>(self, x, "admin", open, [](auto& made) { return made.jobs; });
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

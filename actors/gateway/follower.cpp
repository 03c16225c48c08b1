#include "actors/gateway/follower.hpp"

#include "actors/supervision/messages.hpp"

#include <spdlog/spdlog.h>

#include <array>

namespace troupe::gateway {

namespace {

using ping_atom = caf::atom_constant<caf::atom("ping")>;

constexpr std::array addresses{"dispatcher", "librarian", "catalogue", "notifier", "node_info", "file_desk"};

struct follower_state {
  follower_state() {
  }

  static inline const char* name = "coordinator_follower";
  follower_config config;
  mesh::event_source events;
  /// Raised at each find and loss: answers that belong to an earlier one are void.
  uint64_t life = 0;
  /// Of the notifier over there; 0: not heard yet.
  uint64_t epoch = 0;
};

using self_ptr = caf::stateful_actor<follower_state>*;

void retire_all(self_ptr self) {
  for (auto name : addresses)
    self->state.config.book->retire(name);
}

void lost(self_ptr self, std::string why) {
  if (self->state.config.watch->lost(why))
    spdlog::warn("gateway: {}; answering from the cache", why);
}

void heard(self_ptr self, uint64_t epoch) {
  auto& s = self->state;
  const bool was_away = s.config.watch->found();
  if (was_away)
    spdlog::info("gateway: the coordinator answers again");
  // While it is away nobody is asked: whatever was to be followed then has to be followed now.
  if (was_away || (s.epoch != 0 && s.epoch != epoch))
    s.config.follow_again();
  s.epoch = epoch;
}

void ping(self_ptr self) {
  auto& s = self->state;
  auto again = [self, life = s.life] {
    if (life == self->state.life)
      self->delayed_send(self, self->state.config.interval, ping_atom::value, life);
  };
  self->request(s.events, s.config.silence, mesh::catch_up{{"status", 0, 0}})
    .then(
      [self, again, life = s.life](const mesh::caught_up& x) {
        if (life == self->state.life)
          heard(self, x.position.epoch);
        again();
      },
      [self, again, life = s.life](const caf::error&) {
        // One that has gone is told by the directory; this is for one that is silent.
        if (life == self->state.life)
          lost(self,
               "the coordinator has not answered for " + std::to_string(self->state.config.silence.count()) + " ms");
        again();
      });
}

void located(self_ptr self) {
  auto& s = self->state;
  const auto welcome = s.config.last_welcome();
  auto& h = welcome.handles;
  auto connect = [&](const char* name, const auto& handle) {
    if (handle)
      s.config.book->connect(name, caf::actor_cast<caf::actor>(handle));
  };
  connect("dispatcher", h.jobs);
  connect("librarian", h.librarian);
  connect("catalogue", h.catalogue);
  connect("notifier", h.events);
  connect("node_info", h.node);
  connect("file_desk", h.files);
  ++s.life;
  s.epoch = 0;
  s.events = h.events;
  s.config.watch->found();
  spdlog::info("gateway: joined the coordinator");
  s.config.joined(welcome);
  ping(self);
}

caf::behavior behavior(self_ptr self, follower_config config) {
  self->state.config = std::move(config);
  retire_all(self);
  // An earlier follower's coordinator is found anew.
  if (!self->state.config.watch->away())
    lost(self, "the coordinator is looked for anew");
  self->send(self->state.config.directory, supervision::follow_actor{coordinator_node, coordinator_entry});
  return {
    [self](const supervision::actor_located&) { located(self); },
    [self](const supervision::actor_lost&) {
      auto& s = self->state;
      ++s.life;
      s.events = nullptr;
      retire_all(self);
      lost(self, "the connection to the coordinator was lost");
    },
    [self](ping_atom, uint64_t life) {
      if (life == self->state.life && self->state.events)
        ping(self);
    },
  };
}

} // namespace

caf::actor spawn_follower(caf::actor_system& sys, follower_config config) {
  return sys.spawn(behavior, std::move(config));
}

} // namespace troupe::gateway

#include "actors/cluster/files_watch.hpp"

#include "actors/cluster/file_rules.hpp"
#include "actors/cluster/look_turns.hpp"

namespace troupe::cluster {

namespace {

struct files_watch_state {
  files_watch_state() {
  }

  static inline const char* name = "files_watch";
  files_watch_config config;
  std::optional<files_reach> reach;
  look_turns looks;
  std::shared_ptr<ports::transfer> transfer;
};

using self_ptr = files_watch::stateful_pointer<files_watch_state>;

void look(self_ptr self);

void ended(self_ptr self, const files_look& x) {
  auto& st = self->state;
  st.transfer.reset();
  if (auto news = st.reach->take(x))
    st.config.tell(*news);
  if (st.looks.end())
    return look(self);
  self->delayed_send(self, st.reach->pause(), files_watch_timer{st.looks.last()});
}

void try_it(self_ptr self, const mesh::file_grant& at) {
  auto& st = self->state;
  // Not the actor itself: what is under way must not keep it alive.
  st.transfer = st.config.try_it(at, [id = st.looks.last(), address = self->address()](error how) {
    if (auto to = caf::actor_cast<files_watch>(address))
      caf::anon_send(to, files_tried{id, std::move(how)});
  });
}

void look(self_ptr self) {
  auto& st = self->state;
  if (!st.looks.begin())
    return;
  if (!st.config.needed())
    return ended(self, {});
  auto desk = st.config.desk();
  if (!desk)
    return ended(self, {files_look::end::not_asked});
  // Whose ticket it is says the facade, by the certificate; without certificates it is anybody's.
  self->request(desk, st.config.request_timeout, mesh::read_file{{}, {}, std::string{reach_file}})
    .then([self](const mesh::file_grant& x) { try_it(self, x); },
          [self](const caf::error&) { ended(self, {files_look::end::not_asked}); });
}

files_watch::behavior_type behavior(self_ptr self, files_watch_config config) {
  self->state.config = std::move(config);
  self->state.reach.emplace(self->state.config.times, self->state.config.node);
  self->send(self, recheck_files{});
  return {
    [self](const recheck_files&) { look(self); },
    [self](const files_watch_timer& x) {
      if (x.look == self->state.looks.last())
        look(self);
    },
    [self](const files_tried& x) {
      if (self->state.looks.under_way(x.look))
        ended(self, judge_look(x.how));
    },
  };
}

} // namespace

files_watch spawn_files_watch(caf::actor_system& sys, files_watch_config config) {
  return sys.spawn(behavior, std::move(config));
}

} // namespace troupe::cluster

#include "actors/cluster/data_watch.hpp"

#include "actors/cluster/look_turns.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <system_error>
#include <thread>

namespace troupe::cluster {

namespace {

using kind = data_watch_timer::kind;

struct data_watch_state {
  data_watch_state() {
  }

  static inline const char* name = "data_watch";
  data_watch_config config;
  look_turns looks;
};

using self_ptr = data_watch::stateful_pointer<data_watch_state>;

void timer(self_ptr self, kind what, milliseconds delay) {
  self->delayed_send(self, delay, data_watch_timer{what, self->state.looks.last()});
}

void tell(self_ptr self, const result<void>& found) {
  self->send(self->state.config.tells, data_folder_found{found ? std::string{} : found.error().message});
}

void look(self_ptr self) {
  auto& st = self->state;
  if (!st.looks.begin())
    return;
  // Not the actor itself: a look that hangs must not keep it alive.
  auto work = [prove = st.config.prove, id = st.looks.last(), address = self->address()] {
    auto found = prove();
    if (auto to = caf::actor_cast<data_watch>(address))
      caf::anon_send(to, data_looked_at{id, std::move(found)});
  };
  try {
    st.config.on_a_thread(std::move(work));
  } catch (const std::system_error& e) {
    spdlog::error("data folder: no thread to look at it: {}", e.what());
    st.looks.end();
    return timer(self, kind::look, st.config.retry);
  }
  timer(self, kind::limit, st.config.limit);
}

void on_looked_at(self_ptr self, const data_looked_at& x) {
  auto& st = self->state;
  if (x.look != st.looks.last())
    return;
  const bool again = st.looks.end();
  tell(self, x.found);
  if (again)
    return look(self);
  timer(self, kind::look, x.found ? st.config.every : std::min(st.config.retry, st.config.every));
}

void on_timer(self_ptr self, const data_watch_timer& x) {
  auto& st = self->state;
  if (x.look != st.looks.last())
    return;
  if (x.what == kind::look)
    return look(self);
  if (st.looks.under_way(x.look))
    tell(self, error{errc::unavailable, st.config.hung});
}

data_watch::behavior_type behavior(self_ptr self, data_watch_config config) {
  self->state.config = std::move(config);
  self->send(self, recheck_data{});
  return {
    [self](const recheck_data&) { look(self); },
    [self](const data_watch_timer& x) { on_timer(self, x); },
    [self](const data_looked_at& x) { on_looked_at(self, x); },
  };
}

} // namespace

data_watch spawn_data_watch(caf::actor_system& sys, data_watch_config config) {
  if (!config.on_a_thread)
    config.on_a_thread = [](std::function<void()> work) { std::thread{std::move(work)}.detach(); };
  return sys.spawn(behavior, std::move(config));
}

} // namespace troupe::cluster

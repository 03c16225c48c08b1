#include "actors/supervision/supervisor.hpp"

#include "actors/supervision/supervisor_state.hpp"

#include <spdlog/spdlog.h>

namespace troupe::supervision {

namespace {

using supervisor_actor = caf::stateful_actor<supervisor_state>;

caf::behavior supervise(supervisor_actor* self, supervisor_config config, caf::actor_addr parent) {
  auto& st = self->state;
  st.init(self, std::move(config), std::move(parent));
  self->set_default_handler(caf::drop);
  self->set_down_handler([self](caf::down_msg& x) { self->state.child_down(x); });
  self->set_exit_handler([self](caf::exit_msg& x) { self->state.told_to_exit(x); });
  st.run();
  return {
    [self](mesh::get_tree) { return self->state.collect_tree(); },
    [self](child_ready) { self->state.child_is_ready(self->current_sender()); },
    [self](plan_tick) { self->state.tick(); },
    [self](const child_deadline& x) { self->state.deadline(x); },
  };
}

mesh::supervisor launch(caf::actor_system& sys, supervisor_config config, caf::actor_addr parent) {
  return caf::actor_cast<mesh::supervisor>(sys.spawn(supervise, std::move(config), std::move(parent)));
}

/// Every level of the tree gets the same book and the same random source, unless it has its own.
void hand_down(supervisor_config& config, const std::shared_ptr<address_book>& book) {
  if (!config.addresses)
    config.addresses = book;
  if (!config.random)
    config.random = machine_random();
}

milliseconds total_grace(const supervisor_config& config) {
  milliseconds sum{1000};
  for (auto& child : config.children)
    sum += child.grace;
  return sum;
}

} // namespace

mesh::supervisor spawn_supervisor(caf::actor_system& sys, supervisor_config config) {
  hand_down(config, nullptr);
  if (!config.addresses)
    config.addresses = std::make_shared<address_book>(sys);
  return launch(sys, std::move(config), {});
}

child_spec sub_supervisor(supervisor_config config, restart_kind kind) {
  hand_down(config, nullptr);
  child_spec spec;
  spec.name = config.name;
  spec.kind = kind;
  spec.grace = total_grace(config);
  spec.is_supervisor = true;
  // Its own intensity bounds how long its children may fail to come up.
  spec.awaits_ready = true;
  spec.ready_timeout = milliseconds{0};
  spec.start = [config = std::move(config)](caf::event_based_actor* parent) -> caf::expected<caf::actor> {
    auto copy = config;
    hand_down(copy, static_cast<supervisor_actor*>(parent)->state.addresses());
    return caf::actor_cast<caf::actor>(launch(parent->system(), std::move(copy), parent->address()));
  };
  return spec;
}

void signal_ready(caf::local_actor* child, const caf::actor& supervisor) {
  caf::send_as(caf::actor_cast<caf::actor>(caf::actor_cast<caf::strong_actor_ptr>(child)), supervisor, child_ready{});
}

result<void> stop_supervisor(caf::actor_system& sys, const mesh::supervisor& top, milliseconds grace) {
  caf::scoped_actor self{sys};
  auto down = false;
  auto wait = [&](milliseconds limit) {
    self->receive([&](const caf::down_msg&) { down = true; }, caf::after(limit) >> [] {});
  };
  self->monitor(top);
  caf::anon_send_exit(top, caf::exit_reason::user_shutdown);
  wait(grace);
  if (down)
    return {};
  spdlog::warn("supervision: not everything ended within {} ms; killing the rest", grace.count());
  caf::anon_send_exit(top, caf::exit_reason::kill);
  wait(milliseconds{1000});
  return {errc::timeout, "not every part ended within " + std::to_string(grace.count())
                           + " ms; the rest was killed (the log names what was being stopped)"};
}

std::string_view to_string(strategy how) noexcept {
  switch (how) {
  case strategy::one_for_one:
    return "one_for_one";
  case strategy::one_for_all:
    return "one_for_all";
  case strategy::rest_for_one:
    return "rest_for_one";
  }
  return "unknown";
}

std::string_view to_string(restart_kind kind) noexcept {
  switch (kind) {
  case restart_kind::permanent:
    return "permanent";
  case restart_kind::transient:
    return "transient";
  case restart_kind::temporary:
    return "temporary";
  }
  return "unknown";
}

} // namespace troupe::supervision

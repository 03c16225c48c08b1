#include "actors/media/executor_pool.hpp"

namespace troupe::work {

struct child_said {
  uint64_t executor = 0;
  std::shared_ptr<exec::frame> what;
};
struct child_ended {
  uint64_t executor = 0;
  ports::child_exit exit;
};
struct time_is_up {
  uint8_t unused = 0;
};

} // namespace troupe::work

TROUPE_LOCAL_MESSAGE(troupe::work::child_said)
TROUPE_LOCAL_MESSAGE(troupe::work::child_ended)
TROUPE_LOCAL_MESSAGE(troupe::work::time_is_up)

namespace troupe::work {

namespace {

using pool_impl =
  executor_pool::extend<caf::reacts_to<child_said>, caf::reacts_to<child_ended>, caf::reacts_to<time_is_up>>;

struct pool_state {
  pool_state() {
  }
  static void answer(executor_operation& operation, executor_answer what) {
    if (auto done = std::exchange(operation.done, nullptr))
      done(std::move(what));
  }

  static inline const char* name = "executor_pool";
  const clock* time = nullptr;
  std::unique_ptr<executor_set> set;
  std::map<uint64_t, std::shared_ptr<executor_operation>> open;
  std::vector<caf::typed_response_promise<mesh::done>> stops;
  mono_time alarm = mono_time::max();
};

using pool_pointer = pool_impl::stateful_pointer<pool_state>;

/// After every event: sets the alarm for what is due next, and answers whoever waits for the end.
void settle(pool_pointer self) {
  auto& state = self->state;
  if (state.set->empty())
    for (auto& promise : std::exchange(state.stops, {}))
      promise.deliver(mesh::done{});
  auto next = state.set->next_deadline();
  auto now = state.time->mono();
  // An alarm that is set and not later will do; it looks again.
  if (next == mono_time::max() || (state.alarm <= next && state.alarm > now))
    return;
  state.alarm = next;
  auto delay = std::max(next - now, milliseconds{1});
  self->delayed_send(self, delay, time_is_up{});
}

executor_operation admit(pool_pointer self, const std::shared_ptr<executor_operation>& what) {
  self->state.open.emplace(what->id, what);
  executor_operation out;
  out.id = what->id;
  out.request = what->request;
  out.descriptors = std::move(what->descriptors);
  out.priority = what->priority;
  out.progress = what->progress;
  out.open = what->open;
  out.need = what->need;
  out.coming = what->coming;
  out.done = [self, id = what->id](executor_answer answer) {
    if (auto node = self->state.open.extract(id); !node.empty())
      pool_state::answer(*node.mapped(), std::move(answer));
  };
  return out;
}

pool_impl::behavior_type pool(pool_pointer self, executor_config config,
                              std::shared_ptr<ports::child_processes> children, const clock* clk) {
  auto& state = self->state;
  state.time = clk;
  // Weak: a child's callbacks must not keep a pool alive that nobody uses.
  auto address = self->address();
  auto wire = [address](uint64_t number) {
    return ports::child_callbacks{
      [address, number](exec::frame x) {
        if (auto to = caf::actor_cast<pool_impl>(address))
          caf::anon_send(to, child_said{number, std::make_shared<exec::frame>(std::move(x))});
      },
      [address, number](ports::child_exit x) {
        if (auto to = caf::actor_cast<pool_impl>(address))
          caf::anon_send(to, child_ended{number, x});
      }};
  };
  const bool curious = static_cast<bool>(config.encoders);
  state.set = std::make_unique<executor_set>(std::move(config), std::move(children), *clk, wire);
  if (curious) {
    state.set->learn();
    settle(self);
  }
  return {
    [self](run_operation& x) {
      self->state.set->submit(admit(self, x.what));
      settle(self);
    },
    [self](output_opened& x) {
      self->state.set->opened(x.operation, x.id, std::move(*x.file));
      settle(self);
    },
    [self](bytes_supplied& x) {
      self->state.set->supplied(x.operation, x.id, std::move(*x.there));
      settle(self);
    },
    [self](cancel_operation x) {
      self->state.set->cancel(x.id);
      settle(self);
    },
    [self](stop_executors x) {
      auto promise = self->make_response_promise<mesh::done>();
      self->state.stops.push_back(promise);
      self->state.set->stop(self->state.time->mono() + x.grace);
      settle(self);
      return promise;
    },
    [self](get_executor_stats) { return self->state.set->stats(); },
    [self](child_said& x) {
      self->state.set->on_frame(x.executor, std::move(*x.what));
      settle(self);
    },
    [self](child_ended& x) {
      self->state.set->on_exit(x.executor, x.exit);
      settle(self);
    },
    [self](time_is_up) {
      self->state.alarm = mono_time::max();
      self->state.set->tick();
      settle(self);
    },
  };
}

} // namespace

executor_pool spawn_executor_pool(caf::actor_system& sys, executor_config config,
                                  std::shared_ptr<ports::child_processes> children, const clock& clk) {
  return sys.spawn(pool, std::move(config), std::move(children), &clk);
}

} // namespace troupe::work

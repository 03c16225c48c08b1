#include "actors/schedule/scheduler.hpp"

#include <spdlog/spdlog.h>

namespace troupe::schedule {

namespace {

using self_ptr = scheduler::stateful_pointer<scheduler_state>;

constexpr std::chrono::seconds submit_timeout{10};
constexpr std::chrono::seconds retry_delay{1};

void wake_after(self_ptr self, milliseconds wait) {
  // Of all wakes that are under way only the one set last counts: retries and regular wakes can't pile up.
  self->delayed_send(self, wait, wake_atom::value, ++self->state.last_wake);
}

void enqueue(self_ptr self, size_t index, int64_t tick) {
  auto& st = self->state;
  st.entries[index].asking = true;
  mesh::submit_jobs message;
  message.specs.push_back(spec_of_tick(st.config.schedules[index], tick));
  self->request(st.jobs, submit_timeout, std::move(message))
    .then(
      [self, index, tick](const mesh::submitted&) {
        auto& entry = self->state.entries[index];
        entry.asking = false;
        entry.done = tick;
        // The next tick may have begun while the answer was on its way.
        wake_after(self, milliseconds{0});
      },
      [self, index](caf::error& e) {
        self->state.entries[index].asking = false;
        spdlog::warn("scheduler: {} could not be enqueued, trying again: {}", self->state.config.schedules[index].name,
                     mesh::from_caf(e).message);
        wake_after(self, retry_delay);
      });
}

void wake(self_ptr self) {
  auto& st = self->state;
  auto now = st.clocks->wall();
  auto wait = st.config.max_wait;
  for (size_t i = 0; i < st.entries.size(); ++i) {
    tick_rule rule{st.config.schedules[i].every};
    auto tick = rule.tick_at(now);
    // Another tick, not a later one: a clock that was ahead and is set back must not silence the schedule until then.
    if (tick != st.entries[i].done && !st.entries[i].asking)
      enqueue(self, i, tick);
    wait = std::min(wait, std::max(milliseconds{1}, rule.begin_of(tick + 1) - now));
  }
  wake_after(self, wait);
}

} // namespace

job_spec spec_of_tick(const schedule& s, int64_t tick) {
  auto spec = s.spec;
  spec.submission_id = "schedule/" + s.name + "/" + std::to_string(tick);
  return spec;
}

scheduler::behavior_type scheduler_actor(self_ptr self, scheduler_config config, mesh::job_client jobs,
                                         std::shared_ptr<const clock> clocks) {
  auto& st = self->state;
  st.config = std::move(config);
  std::erase_if(st.config.schedules, [](auto& s) { return s.every.count() <= 0; });
  st.jobs = std::move(jobs);
  st.clocks = std::move(clocks);
  st.entries.resize(st.config.schedules.size());
  wake_after(self, milliseconds{0});
  return {
    [self](wake_atom, uint64_t number) {
      if (number == self->state.last_wake)
        wake(self);
    },
  };
}

} // namespace troupe::schedule

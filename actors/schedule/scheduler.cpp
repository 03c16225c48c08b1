#include "actors/schedule/scheduler.hpp"

#include <spdlog/spdlog.h>

namespace troupe::schedule {

namespace {

using self_ptr = scheduler::stateful_pointer<scheduler_state>;

constexpr std::chrono::seconds submit_timeout{10};
constexpr std::chrono::seconds retry_delay{1};

void wake_after(self_ptr self, milliseconds wait) {
  ++self->state.wakes_pending;
  self->delayed_send(self, wait, wake_atom::value);
}

void enqueue(self_ptr self, size_t index, int64_t tick) {
  auto& st = self->state;
  mesh::submit_jobs message;
  message.specs.push_back(spec_of_tick(st.config.schedules[index], tick));
  self->request(st.jobs, submit_timeout, std::move(message))
    .then(
      [self, index, tick](const mesh::submitted&) {
        auto& last = self->state.done[index];
        last = std::max(last, tick);
      },
      [self, index](caf::error& e) {
        spdlog::warn("scheduler: {} could not be enqueued, trying again: {}", self->state.config.schedules[index].name,
                     mesh::from_caf(e).message);
        wake_after(self, retry_delay);
      });
}

void wake(self_ptr self) {
  auto& st = self->state;
  auto now = st.clocks->wall();
  auto wait = st.config.max_wait;
  for (size_t i = 0; i < st.config.schedules.size(); ++i) {
    tick_rule rule{st.config.schedules[i].every};
    auto tick = rule.tick_at(now);
    if (tick > st.done[i])
      enqueue(self, i, tick);
    wait = std::min(wait, std::max(milliseconds{1}, rule.begin_of(tick + 1) - now));
  }
  // A retry may have woken us early: the regular wake is still to come then, and one is enough.
  if (st.wakes_pending == 0)
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
  std::erase_if(st.config.schedules, [](auto& s) {
    return s.every.count() <= 0;
  });
  st.jobs = std::move(jobs);
  st.clocks = std::move(clocks);
  st.done.assign(st.config.schedules.size(), -1);
  wake_after(self, milliseconds{0});
  return {
    [self](wake_atom) {
      --self->state.wakes_pending;
      wake(self);
    },
  };
}

} // namespace troupe::schedule

#include "actors/cluster/worker_state.hpp"

#include <spdlog/spdlog.h>

namespace troupe::cluster {

namespace {

using namespace working;
using kind = worker_timer::kind;

void on_timer(self_ptr self, const worker_timer& x) {
  if (x.connection != 0 && x.connection != self->state.connection)
    return;
  switch (x.what) {
  case kind::connect:
    return connect(self);
  case kind::renew:
    return renew(self);
  case kind::progress:
    return send_progress(self);
  case kind::flush:
    self->state.flush_queued = false;
    return hand_in(self);
  case kind::hand_in:
    self->state.outcomes.resume();
    return hand_in(self);
  case kind::grace_over:
    return release_rest(self);
  case kind::give_up:
    return give_up(self);
  }
}

worker::behavior_type behavior(self_ptr self, worker_config config) {
  auto& s = self->state;
  s.config = std::move(config);
  s.delay.emplace(s.config.delays, s.config.random ? s.config.random : machine_random());
  s.last_progress = s.config.time->mono() - s.config.progress_interval;
  if (s.config.works_by_files)
    s.offer.wait_for_files();
  s.runners = s.config.make_runners(caf::actor_cast<mesh::progress_sink>(self));
  self->set_down_handler([self](const caf::down_msg& x) {
    if (!self->state.jobs || x.source != self->state.jobs.address())
      return;
    self->state.jobs = mesh::job_worker{};
    lost(self);
  });
  connect(self);
  return {
    [self](mesh::assign& x) {
      // Before the welcome was accepted nothing is taken: the dispatcher hears of that by `leave`.
      if (self->state.joined)
        for (auto& job : x.jobs)
          start(self, std::move(job));
    },
    [self](const mesh::revoke& x) { revoke(self, x.leases); },
    [self](progress_report& x) { take_progress(self, std::move(x)); },
    [self](drain_worker x) {
      auto promise = self->make_response_promise<mesh::done>();
      self->state.drained.push_back(promise);
      drain(self, x.grace);
      return promise;
    },
    [self](offer_changed& x) {
      self->state.offer.change(std::move(x));
      send_offer(self);
    },
    [self](encoders_tested& x) {
      self->state.offer.change(x);
      send_offer(self);
    },
    [self](data_folder_found& x) { on_data_folder(self, x); },
    [self](const coordinator_files_found& x) { on_coordinator_files(self, x); },
    [self](const worker_timer& x) { on_timer(self, x); },
    [self](dispatcher_found& x) {
      if (x.connection != self->state.connection)
        return;
      if (*x.handle)
        return greet(self, **x.handle);
      auto& told = self->state.told;
      if (auto& why = x.handle->error().message; why != told)
        spdlog::warn("worker {}: {}; it is tried again", self->state.config.me.node_name, told = why);
      connect_later(self);
    },
  };
}

} // namespace

worker spawn_worker(caf::actor_system& sys, worker_config config) {
  return sys.spawn(behavior, std::move(config));
}

} // namespace troupe::cluster

#include "actors/dispatch/dispatcher_parts.hpp"

namespace troupe::dispatch {

namespace {

using self_ptr = dispatcher_ptr;

caf::result<job> on_action(self_ptr self, const mesh::act_on_job& x) {
  auto& st = self->state;
  if (!st.queue)
    return mesh::to_caf(recovering_error);
  auto act = [&]() -> result<job> {
    switch (x.action) {
    case mesh::job_action::cancel:
      return st.queue->cancel(x.id);
    case mesh::job_action::retry:
      return st.queue->retry(x.id);
    case mesh::job_action::promote:
      return st.queue->promote(x.id);
    case mesh::job_action::remove:
      break;
    }
    auto* found = st.queue->find(x.id);
    job before = found ? *found : job{};
    TROUPE_TRY(st.queue->remove(x.id));
    return before;
  };
  auto after = act();
  if (!after)
    return mesh::to_caf(after.error());
  auto reply = self->make_response_promise<job>();
  answer_when_committed(self, reply, std::move(*after));
  return reply;
}

caf::result<mesh::job_with_children> on_get(self_ptr self, const mesh::get_job& x) {
  auto& st = self->state;
  // What memory says may not be committed yet: then the answer waits with it.
  if (auto* found = st.queue ? st.queue->find(x.id) : nullptr) {
    auto reply = self->make_response_promise<mesh::job_with_children>();
    mesh::job_with_children answer{*found, st.queue->children_of(x.id)};
    if (st.queue->dirty() || st.commit_in_flight)
      answer_when_committed(self, reply, std::move(answer));
    else
      reply.deliver(std::move(answer));
    return reply;
  }
  return self->delegate(st.peers.history, x);
}

mesh::queue_list queues_of(const dispatcher_state& st) {
  mesh::queue_list out{st.queue->queues()};
  st.ended.add_to(out.queues);
  return out;
}

caf::result<mesh::queue_list> on_change_queue(self_ptr self, const mesh::change_queue& x) {
  auto& st = self->state;
  if (!st.queue)
    return mesh::to_caf(recovering_error);
  auto settings = st.queue->settings_of(x.name);
  if (!settings)
    return mesh::to_caf(settings.error());
  if (x.paused >= 0)
    settings->paused = x.paused > 0;
  if (x.max_running >= 0)
    settings->max_running = static_cast<uint32_t>(x.max_running);
  if (x.max_depth >= 0)
    settings->max_depth = static_cast<uint32_t>(x.max_depth);
  auto changed = st.queue->change_queue(*settings);
  if (!changed)
    return mesh::to_caf(changed.error());
  auto reply = self->make_response_promise<mesh::queue_list>();
  answer_when_committed(self, reply, queues_of(st));
  return reply;
}

} // namespace

dispatcher_self::behavior_type dispatcher_actor(self_ptr self, dispatcher_config config, dispatcher_peers peers) {
  auto& st = self->state;
  st.config = std::move(config);
  st.peers = std::move(peers);
  std::random_device seed;
  st.random.seed((static_cast<uint64_t>(seed()) << 32) ^ seed());
  self->set_down_handler([self](const caf::down_msg& x) { on_link_down(self, x); });
  start_recovery(self);
  return {
    [self](mesh::submit_jobs& x) { return on_submit(self, x); },
    [self](const mesh::act_on_job& x) { return on_action(self, x); },
    [self](const mesh::get_job& x) { return on_get(self, x); },
    [self](const mesh::explain_job& x) -> caf::result<mesh::job_explanation> {
      if (!self->state.queue)
        return mesh::to_caf(recovering_error);
      auto why = self->state.queue->explain(x.id);
      if (!why)
        return mesh::to_caf(why.error());
      return mesh::job_explanation{why->state, std::move(why->reasons)};
    },
    [self](const mesh::get_queues&) -> caf::result<mesh::queue_list> {
      if (!self->state.queue)
        return mesh::to_caf(recovering_error);
      return queues_of(self->state);
    },
    [self](const mesh::change_queue& x) { return on_change_queue(self, x); },
    [self](const mesh::get_workers&) -> caf::result<mesh::worker_list> {
      if (!self->state.queue)
        return mesh::to_caf(recovering_error);
      return mesh::worker_list{self->state.queue->workers()};
    },
    [self](const job_query& x) -> caf::result<job_page> { return self->delegate(self->state.peers.history, x); },
    [self](const worker_hello& hello, const mesh::worker_link& link) { return on_hello(self, hello, link); },
    [self](const mesh::renew_leases& x) { return on_renew(self, x); },
    [self](const mesh::report_progress& x) { on_progress(self, x); },
    [self](mesh::hand_in& x) { return on_hand_in(self, x); },
    [self](const mesh::change_credit& x) {
      if (self->state.queue) {
        self->state.queue->set_credit(x.worker, x.credit);
        queue_flush(self);
      }
    },
    [self](const mesh::leave& x) { return on_leave(self, x); },
    [self](flush_atom) { flush(self); },
    [self](tick_atom) { on_tick(self); },
    [self](recover_atom) { start_recovery(self); },
  };
}

} // namespace troupe::dispatch

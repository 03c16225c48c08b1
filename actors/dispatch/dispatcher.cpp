#include "actors/dispatch/dispatcher_parts.hpp"

namespace troupe::dispatch {

namespace {

using self_ptr = dispatcher_ptr;

mesh::queue_list queues_of(const dispatcher_state& st) {
  mesh::queue_list out{st.queue->queues()};
  st.ended.add_to(out.queues);
  return out;
}

caf::result<mesh::queue_list> on_change_queue(self_ptr self, const mesh::change_queue& x) {
  auto& st = self->state;
  if (!st.queue)
    return mesh::to_caf(not_now(self->state));
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
  // Of a node at most one for each of its renewals.
  st.figures = node_news{st.config.queue.lease / 3};
  std::random_device seed;
  st.random.seed((static_cast<uint64_t>(seed()) << 32) ^ seed());
  self->set_down_handler([self](const caf::down_msg& x) { on_link_down(self, x); });
  start_recovery(self);
  return {
    [self](mesh::submit_jobs& x) { return on_submit(self, x); },
    [self](const mesh::act_on_job& x) { return on_action(self, x); },
    [self](const mesh::get_job& x) { return on_get(self, x); },
    [self](const mesh::explain_job& x) { return on_explain(self, x); },
    [self](const mesh::get_queues&) -> caf::result<mesh::queue_list> {
      if (!self->state.queue)
        return mesh::to_caf(not_now(self->state));
      return queues_of(self->state);
    },
    [self](const mesh::change_queue& x) { return on_change_queue(self, x); },
    [self](const mesh::get_workers&) -> caf::result<mesh::worker_list> {
      if (!self->state.queue)
        return mesh::to_caf(not_now(self->state));
      return mesh::worker_list{self->state.queue->workers()};
    },
    [self](const mesh::get_nodes&) -> caf::result<mesh::node_list> {
      if (!self->state.queue)
        return mesh::to_caf(not_now(self->state));
      return mesh::node_list{listed_nodes(self->state)};
    },
    [self](const mesh::change_node& x) { return on_change_node(self, x); },
    [self](const job_query& x) { return on_list(self, x); },
    [self](worker_hello& hello, const mesh::worker_link& link) { return on_hello(self, hello, link); },
    [self](const mesh::renew_leases& x) { return on_renew(self, x); },
    [self](const mesh::report_progress& x) { on_progress(self, x); },
    [self](mesh::hand_in& x) { return on_hand_in(self, x); },
    [self](const mesh::change_credit& x) {
      if (self->state.queue) {
        self->state.queue->set_credit(x.worker, x.credit);
        queue_flush(self);
      }
    },
    [self](mesh::change_offer& x) { on_change_offer(self, x); },
    [self](const mesh::leave& x) { return on_leave(self, x); },
    [self](flush_atom) { flush(self); },
    [self](tick_atom) { on_tick(self); },
    [self](recover_atom) { start_recovery(self); },
    [self](purge_atom) { purge_history(self); },
    [self](const gateway_changed& x) {
      self->state.nodes.changed({x.name});
      queue_flush(self);
    },
  };
}

} // namespace troupe::dispatch

#include "actors/dispatch/dispatcher_parts.hpp"

namespace troupe::dispatch {

namespace {

result<void> apply(const mesh::change_node& x, node_rules& rules) {
  switch (x.action) {
  case mesh::node_action::drain:
    rules.state = node_state::draining;
    break;
  case mesh::node_action::undrain:
    rules.state = node_state::active;
    break;
  case mesh::node_action::quarantine:
    rules.state = node_state::quarantined;
    break;
  case mesh::node_action::set:
    break;
  default:
    return {errc::validation, "a node can be drained, undrained, quarantined or set, nothing else"};
  }
  if (x.action != mesh::node_action::set) {
    rules.reason = x.reason;
    // What a person says stands until a person says otherwise.
    rules.by_score = false;
  }
  for (auto& [queue, n] : x.slots)
    if (n < 0)
      rules.slots.erase(queue);
    else
      rules.slots[queue] = static_cast<uint32_t>(std::min<int64_t>(n, UINT32_MAX));
  if (x.weight >= 0)
    rules.weight = static_cast<uint32_t>(std::min<int64_t>(x.weight, UINT32_MAX));
  if (x.set_hours)
    rules.hours = x.hours;
  return {};
}

} // namespace

void add_changed_nodes(dispatcher_state& st, effects& to) {
  st.nodes.changed(st.queue->take_changed_nodes());
  for (auto& name : st.nodes.take(st.config.time->mono()))
    if (!st.config.wanted || st.config.wanted(nodes_topic))
      to.nodes.push_back(st.queue->node(name));
}

event node_event(const node_details& x) {
  event out;
  out.topic = nodes_topic;
  out.type = "node_update";
  out.data = outward_json(x);
  return out;
}

caf::result<mesh::node_list> on_change_node(dispatcher_ptr self, const mesh::change_node& x) {
  auto& st = self->state;
  if (!st.queue)
    return mesh::to_caf(not_now(st));
  node_rules rules;
  if (auto known = st.queue->rules_of(x.name))
    rules = std::move(*known);
  rules.name = x.name;
  if (auto applied = apply(x, rules); !applied)
    return mesh::to_caf(applied.error());
  if (auto changed = st.queue->set_node(std::move(rules)); !changed)
    return mesh::to_caf(changed.error());
  auto reply = self->make_response_promise<mesh::node_list>();
  answer_when_committed(self, reply, mesh::node_list{st.queue->nodes()});
  return reply;
}

} // namespace troupe::dispatch

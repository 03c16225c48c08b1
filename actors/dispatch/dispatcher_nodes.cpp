#include "actors/dispatch/dispatcher_parts.hpp"

#include <algorithm>

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

/// What is known beside the queue.
void add_figures(const dispatcher_state& st, node_details& x) {
  st.reports.add_to(x);
  if (st.config.gateways)
    st.config.gateways->add_to(x);
}

bool is_gateway_only(const dispatcher_state& st, const std::string& name) {
  return st.config.gateways && st.config.gateways->is_here(name) && !st.queue->rules_of(name);
}

} // namespace

std::vector<node_details> listed_nodes(dispatcher_state& st) {
  auto out = st.queue->nodes();
  auto gateways = st.config.gateways ? st.config.gateways->names() : std::set<std::string>{};
  std::set<std::string> names = gateways;
  for (auto& x : out) {
    gateways.erase(x.rules.name);
    names.insert(x.rules.name);
  }
  for (auto& name : gateways)
    out.push_back(st.queue->node(name));
  st.reports.keep_only(names);
  for (auto& x : out)
    add_figures(st, x);
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.rules.name < b.rules.name; });
  return out;
}

void figures_changed(dispatcher_state& st, std::set<std::string> names) {
  // A link's other end may be known to the node alone that speaks of it.
  std::erase_if(names, [&](auto& name) { return !is_gateway_only(st, name) && !st.queue->rules_of(name); });
  st.figures.changed(names);
}

void add_changed_nodes(dispatcher_state& st, effects& to) {
  st.nodes.changed(st.queue->take_changed_nodes());
  std::set<std::string> names;
  for (auto* news : {&st.nodes, &st.figures})
    for (auto& name : news->take(st.config.time->mono()))
      names.insert(std::move(name));
  if (st.config.wanted && !st.config.wanted(nodes_topic))
    return;
  for (auto& name : names) {
    to.nodes.push_back(st.queue->node(name));
    add_figures(st, to.nodes.back());
  }
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
  if (is_gateway_only(st, x.name))
    return mesh::to_caf({errc::conflict, "node " + x.name
                                           + " is a gateway and runs no jobs: there is nothing to drain, "
                                             "quarantine or set"});
  node_rules rules;
  if (auto known = st.queue->rules_of(x.name))
    rules = std::move(*known);
  rules.name = x.name;
  if (auto applied = apply(x, rules); !applied)
    return mesh::to_caf(applied.error());
  if (auto changed = st.queue->set_node(std::move(rules)); !changed)
    return mesh::to_caf(changed.error());
  auto reply = self->make_response_promise<mesh::node_list>();
  answer_when_committed(self, reply, mesh::node_list{listed_nodes(st)});
  return reply;
}

} // namespace troupe::dispatch

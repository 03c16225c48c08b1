#include "actors/gateway/backend_parts.hpp"

namespace troupe::gateway {

namespace {

mesh::node_action action_of(const std::optional<node_state>& wanted) {
  if (!wanted)
    return mesh::node_action::set;
  switch (*wanted) {
  case node_state::draining:
    return mesh::node_action::drain;
  case node_state::quarantined:
    return mesh::node_action::quarantine;
  default:
    return mesh::node_action::undrain;
  }
}

result<node_details> find_node(std::vector<node_details>& all, const std::string& name) {
  for (auto& x : all)
    if (x.rules.name == name)
      return std::move(x);
  return {errc::not_found, "there is no node of this name"};
}

} // namespace

void mesh_backend::nodes(ports::completion<std::vector<node_details>> done) {
  ask_coordinator<mesh::node_list>(peers_.nodes, mesh::get_nodes{}, std::move(done),
                                   [](mesh::node_list& x) { return std::move(x.nodes); });
}

void mesh_backend::change_node(ports::node_change change, ports::completion<node_details> done) {
  mesh::change_node message;
  message.name = change.name;
  message.action = action_of(change.state);
  message.reason = std::move(change.reason);
  message.slots = std::move(change.slots);
  if (change.weight)
    message.weight = *change.weight;
  if (change.hours) {
    message.set_hours = true;
    message.hours = *std::move(change.hours);
  }
  // Looked up first: the dispatcher also keeps rules for a node that has never been there, and a slip of the pen is
  // none.
  auto known = [this, message, done](result<std::vector<node_details>> all) mutable {
    if (!all)
      return done(std::move(all).error());
    if (auto found = find_node(*all, message.name); !found)
      return done(std::move(found).error());
    auto name = message.name;
    ask_coordinator<mesh::node_list>(peers_.nodes, std::move(message), std::move(done),
                                     [name](mesh::node_list& x) { return find_node(x.nodes, name); });
  };
  nodes(std::move(known));
}

void mesh_backend::refused_peers(ports::completion<std::vector<refused_peer>> done) {
  ask_coordinator<mesh::refusal_list>(peers_.node, mesh::get_refusals{}, std::move(done),
                                      [](mesh::refusal_list& x) { return std::move(x.peers); });
}

std::optional<ports::file_traffic> mesh_backend::traffic() noexcept {
  try {
    return config_.traffic ? config_.traffic() : std::nullopt;
  } catch (const std::exception& e) {
    spdlog::warn("gateway: the file server's figures can't be had: {}", e.what());
    return std::nullopt;
  }
}

} // namespace troupe::gateway

#include "nodes/trouped/node.hpp"

namespace troupe::node {

supervision::child_spec gateway_children(parts& p) {
  supervision::supervisor_config c;
  c.name = "gateway_concern";
  c.addresses = p.book;
  supervision::child_spec cache;
  cache.name = "cache";
  cache.start = [&p](caf::event_based_actor*) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(cache::spawn_cache(*p.system, *p.cache));
  };
  c.children.push_back(std::move(cache));
  supervision::child_spec gateway;
  gateway.name = "gateway";
  gateway.start = [&p](caf::event_based_actor*) -> caf::expected<caf::actor> {
    return p.backend->spawn_actor(*p.system);
  };
  c.children.push_back(std::move(gateway));
  return supervision::sub_supervisor(std::move(c));
}

} // namespace troupe::node

#pragma once

#include "actors/cluster/listening_facade.hpp"

namespace troupe::cluster {

/// A facade of who works with jobs, nodes and libraries as people do: what gateways (for their clients) and
/// administrators ask alike.
class client_facade : public listening_facade {
public:
  /// What those questions go to.
  struct desks {
    mesh::job_client jobs;
    mesh::job_admin queues;
    mesh::librarian librarian;
    mesh::catalogue_reader catalogue;
    mesh::event_source events;
    mesh::node_admin nodes;
    mesh::node_info node;
  };
  client_facade(caf::actor_config& config, admitted_peer peer, const char* name, desks behind);

protected:
  caf::message_handler handlers() final;
  /// What a role may ask beside.
  virtual caf::message_handler own_handlers() = 0;

private:
  caf::message_handler job_handlers();
  caf::message_handler node_handlers();
  caf::message_handler library_handlers();

  const desks behind_;
};

/// Of both roles' handles: they have the same names for them, but for who tells events.
template <class Handles>
client_facade::desks desks_of(const Handles& x, mesh::event_source events) {
  return {x.jobs, x.queues, x.librarian, x.catalogue, std::move(events), x.nodes, x.node};
}

/// One facade, by all handles that gateways and administrators have alike. It knows less than the types say.
template <class Handles>
void set_desks(Handles& to, const caf::actor& facade) {
  to.jobs = caf::actor_cast<mesh::job_client>(facade);
  to.queues = caf::actor_cast<mesh::job_admin>(facade);
  to.librarian = caf::actor_cast<mesh::librarian>(facade);
  to.catalogue = caf::actor_cast<mesh::catalogue_reader>(facade);
  to.nodes = caf::actor_cast<mesh::node_admin>(facade);
  to.node = caf::actor_cast<mesh::node_info>(facade);
}

} // namespace troupe::cluster

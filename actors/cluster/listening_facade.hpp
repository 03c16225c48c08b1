#pragma once

#include "actors/cluster/facade.hpp"
#include "actors/cluster/peer_subscribers.hpp"

namespace troupe::cluster {

/// A facade whose peer hears live events: they come to the facade and go on in order with its answers, since whoever
/// catches up has to know what came after.
class listening_facade : public facade {
public:
  listening_facade(caf::actor_config& config, admitted_peer peer, const char* name, mesh::event_source events);

protected:
  /// All of mesh::event_source, and mesh::event_subscriber.
  caf::message_handler event_handlers();
  void ended(const caf::actor_addr& who) override;

private:
  mesh::event_subscriber as_subscriber();
  void drop_abandoned();

  const mesh::event_source events_;
  peer_subscribers subscribers_;
};

} // namespace troupe::cluster

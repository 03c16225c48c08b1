// A connection that was just begun has not been silent for ever.
//
// The broker of caf_io 0.17.6 notes when it last heard of a peer, but not when it began to connect to one: until the
// peer's first word, that time is the clock's beginning. A heartbeat in between takes the connection for one that has
// timed out and closes it. Over a line whose round trip is longer than a heartbeat, no node ever came in; on a busy
// machine, it took several tries.

#include "nodes/link/interposed/real.hpp"

#include <caf/io/basp/instance.hpp>
#include <caf/io/basp_broker.hpp>

namespace caf::io::basp {

/// What the broker does last when it connects.
void instance::write_client_handshake(execution_unit* context, buffer_type& out, uint8_t flags) {
  static auto* const libcaf = troupe::node::real<void(instance*, execution_unit*, buffer_type&, uint8_t)>(
    "_ZN3caf2io4basp8instance22write_client_handshakeEPNS_14execution_unitERSt6vectorIcSaIcEEh");
  auto& broker = static_cast<basp_broker&>(callee_);
  for (auto& [_, connection] : broker.ctx)
    if (connection.last_seen == actor_clock::time_point{})
      connection.last_seen = broker.clock().now();
  libcaf(this, context, out, flags);
}

} // namespace caf::io::basp

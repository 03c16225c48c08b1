#pragma once

#include "identity/handshake.hpp"
#include "protocol/mesh/registry.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <optional>

namespace troupe::node {

/// How a process speaks on the mesh: by mutual TLS with a node's papers, else plain, which configurations allow on
/// loopback only. Everything blocks: never call it from an actor that others wait for. Thread safe.
class mesh_access {
public:
  /// `time` outlives it.
  mesh_access(std::optional<identity::node_papers> papers, const clock& time);

  /// Before the actor system is made of it; loads CAF's network modules. With papers once a process. errc::validation
  /// when TLS can't use them.
  result<void> configure(caf::actor_system_config& config) const;
  /// The port that was taken.
  result<uint16_t> publish(caf::actor_system& system, const mesh::door& door, const std::string& address,
                           uint16_t port) const;

  /// Handles for the role from the door at HOST:PORT, within about the limit. errc::unavailable: nobody answers there;
  /// errc::forbidden and errc::protocol: not let in, or the door is not what it ought to be.
  result<mesh::worker_handles> enter_as_worker(caf::actor_system& system, const std::string& host, uint16_t port,
                                               const std::string& name, milliseconds limit) const;
  result<mesh::gateway_welcome> enter_as_gateway(caf::actor_system& system, const std::string& host, uint16_t port,
                                                 const std::string& name, milliseconds limit) const;
  result<mesh::admin_handles> enter_as_admin(caf::actor_system& system, const std::string& host, uint16_t port,
                                             const std::string& name, milliseconds limit) const;

  const std::optional<identity::node_papers>& papers() const noexcept {
    return papers_;
  }

private:
  /// Whose door is knocked at, as whom, and for how long at most.
  struct mesh_place {
    const std::string& host;
    uint16_t port;
    const std::string& name;
    milliseconds limit;
  };
  template <class Handles, class Message>
  result<Handles> enter(caf::actor_system& system, const mesh_place& at, const char* role, Message message) const;
  result<mesh::door> find_door(caf::scoped_actor& self, const std::string& host, uint16_t port,
                               milliseconds limit) const;
  result<mesh::knock> introduce(caf::scoped_actor& self, const mesh::door& door, const std::string& host,
                                std::string role, const std::string& name, milliseconds limit) const;

  std::optional<identity::node_papers> papers_;
  const clock& time_;
};

} // namespace troupe::node

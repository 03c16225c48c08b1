#pragma once

#include "actors/cluster/file_rules.hpp"
#include "identity/ticket.hpp"
#include "protocol/mesh/registry.hpp"
#include "protocol/ports/files.hpp"

#include <atomic>
#include <memory>

namespace troupe::cluster {

struct file_desk_config {
  std::shared_ptr<const identity::ticket_issuer> issuer;
  std::shared_ptr<ports::files> files;
  std::shared_ptr<const clock> time = std::make_shared<const system_clocks>();
  std::string data_folder;
  /// Of the file server of this node; 0 until it listens, and when there is none.
  std::shared_ptr<const std::atomic<uint16_t>> port;
  /// This node's, for people.
  std::string node_name;
  /// Tickets name the node that may use them.
  bool certificates = false;
  milliseconds timeout{5'000};
};

struct file_desk_peers {
  mesh::job_client jobs;
  mesh::librarian libraries;
};

struct file_desk_state {
  file_desk_state() = default;

  file_desk_config config;
  file_desk_peers peers;
};

/// Role: signs addresses of files for attempts on nodes that don't have them mounted, after asking the dispatcher whose
/// attempt it is. Thread: its own (spawn detached), because it looks at files. Supervisor: the coordinator's,
/// one_for_one; it keeps nothing.
mesh::file_desk::behavior_type file_desk_actor(mesh::file_desk::stateful_pointer<file_desk_state> self,
                                               file_desk_config config, file_desk_peers peers);

} // namespace troupe::cluster

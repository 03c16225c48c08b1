#pragma once

#include "actors/cluster/file_hosts.hpp"
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
  /// What is below a root of this node, whatever links are there (errc::unprocessable: it is never served). Blocks.
  std::function<result<file_version>(const std::string& root, const std::string& path)> look;
  std::shared_ptr<const clock> time = std::make_shared<const system_clocks>();
  std::string data_folder;
  /// Of the file server of this node; 0 until it listens, and when there is none.
  std::shared_ptr<const std::atomic<uint16_t>> port;
  /// This node's, for people.
  std::string node_name;
  /// Tickets name the node that may use them.
  bool certificates = false;
  milliseconds timeout{5'000};
  /// Is it the worker of this process? It reads by itself what this node sees. Empty: there is none. Any thread.
  std::function<bool(worker_id)> is_own_worker{};
};

struct file_desk_peers {
  mesh::job_client jobs;
  mesh::librarian libraries;
  /// Which film a job names, which version a file must have that this node does not see, and who has it.
  mesh::catalogue_reader catalogue;
  mesh::node_admin nodes;
};

struct file_desk_state {
  file_desk_state() = default;

  file_desk_config config;
  file_desk_peers peers;
  file_host_turns turns;
};

/// Role: signs addresses of files for attempts on nodes that don't have them mounted, after asking the dispatcher whose
/// attempt it is, and for gateways. What this node does not have of a library is at a worker that serves it, in the
/// version that the catalogue knows. Thread: its own (spawn detached), because it looks at files. Supervisor: the
/// coordinator's, one_for_one; of what it keeps nothing is missed.
mesh::file_desk::behavior_type file_desk_actor(mesh::file_desk::stateful_pointer<file_desk_state> self,
                                               file_desk_config config, file_desk_peers peers);

} // namespace troupe::cluster

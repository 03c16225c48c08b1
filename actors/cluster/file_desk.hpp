#pragma once

#include "actors/cluster/file_hosts.hpp"
#include "actors/cluster/file_rules.hpp"
#include "identity/ticket.hpp"
#include "protocol/mesh/local.hpp"
#include "protocol/mesh/registry.hpp"
#include "protocol/ports/files.hpp"
#include "protocol/ports/root_threads.hpp"

#include <atomic>
#include <map>
#include <memory>

namespace troupe::cluster {

struct file_desk_config {
  std::shared_ptr<const identity::ticket_issuer> issuer;
  std::shared_ptr<ports::files> files;
  /// What is below a root of this node, whatever links are there (errc::unprocessable: it is never served). May block
  /// for ever, and outlive the desk.
  std::function<result<file_version>(const std::string& root, const std::string& path)> look;
  /// Looks: a mount that hangs keeps threads of its own root.
  std::shared_ptr<ports::root_threads> disks;
  /// For one look; what is silent for longer is not seen here. Well below what those who ask wait.
  milliseconds look_limit{4'000};
  std::shared_ptr<const clock> time = std::make_shared<const system_clocks>();
  std::string data_folder;
  /// Of the file server of this node; 0 until it listens, and when there is none.
  std::shared_ptr<const std::atomic<uint16_t>> port;
  /// Under which others reach it; empty: under the name by which they have reached the coordinator.
  std::string host;
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

/// From the thread of a look: what it has found, and whether the root is there with something in it.
struct file_looked_at {
  uint64_t look = 0;
  result<file_version> there{errc::not_found, {}};
  bool root_is_there = false;
};
struct file_look_late {
  uint64_t look = 0;
};

using local_file_desk = mesh::file_desk::extend<caf::reacts_to<file_looked_at>, caf::reacts_to<file_look_late>>;

struct file_desk_state {
  file_desk_state() = default;

  file_desk_config config;
  file_desk_peers peers;
  file_host_turns turns;
  /// Who waits for a look.
  std::map<uint64_t, std::function<void(const file_looked_at&)>> looks;
  uint64_t last_look = 0;
};

/// Role: signs addresses of files for attempts on nodes that don't have them mounted, after asking the dispatcher whose
/// attempt it is, and for gateways. What this node does not have of a library is at a worker that serves it, in the
/// version that the catalogue knows. Thread: a scheduler thread; it looks at files on threads of their roots, and waits
/// for none that hangs. Supervisor: the coordinator's, one_for_one; of what it keeps nothing is missed.
local_file_desk::behavior_type file_desk_actor(local_file_desk::stateful_pointer<file_desk_state> self,
                                               file_desk_config config, file_desk_peers peers);

} // namespace troupe::cluster

TROUPE_LOCAL_MESSAGE(troupe::cluster::file_looked_at)
TROUPE_LOCAL_MESSAGE(troupe::cluster::file_look_late)

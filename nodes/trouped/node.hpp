#pragma once

#include "actors/cache/cache.hpp"
#include "actors/cluster/coordinator_files.hpp"
#include "actors/cluster/mounted_libraries.hpp"
#include "actors/cluster/served_files.hpp"
#include "actors/cluster/worker.hpp"
#include "actors/dispatch/dispatcher.hpp"
#include "actors/gateway/backend.hpp"
#include "actors/gateway/coordinator_watch.hpp"
#include "actors/gateway/near_files.hpp"
#include "actors/health/health_supervisor.hpp"
#include "actors/media/cleanup.hpp"
#include "actors/media/far_files.hpp"
#include "actors/notify/topic_interest.hpp"
#include "actors/supervision/supervisor.hpp"
#include "host/data_folder.hpp"
#include "identity/ticket.hpp"
#include "net/file_server.hpp"
#include "net/server.hpp"
#include "nodes/config/settings.hpp"
#include "nodes/trouped/coordinator_link.hpp"
#include "protocol/ports/child_process.hpp"
#include "protocol/ports/files.hpp"
#include "protocol/ports/http_client.hpp"
#include "protocol/ports/key_value.hpp"
#include "protocol/ports/root_threads.hpp"
#include "protocol/ports/source_cache.hpp"

#include <atomic>
#include <memory>
#include <mutex>

namespace troupe::node {

class gateway_entry;

/// Which worker this process is; none: it is none. Thread safe.
class own_worker {
public:
  void is(worker_id id) {
    std::lock_guard guard{mutex_};
    id_ = id;
  }
  bool is_it(worker_id id) const {
    std::lock_guard guard{mutex_};
    return id && id == id_;
  }

private:
  mutable std::mutex mutex_;
  worker_id id_;
};

/// What the file server of this process has moved; nothing before it serves and after its end. Thread safe.
class own_traffic {
public:
  /// nullptr: it ends.
  void serves(const net::file_server* server) {
    std::lock_guard guard{mutex_};
    server_ = server;
  }
  ports::file_traffic figures() const {
    std::lock_guard guard{mutex_};
    if (!server_)
      return {};
    auto all = server_->figures();
    return {std::move(all.bytes_out), std::move(all.bytes_in)};
  }

private:
  mutable std::mutex mutex_;
  const net::file_server* server_ = nullptr;
};

/// Of the coordinator's data folder on the node of a gateway, as it was seen last.
enum class data_mount_state : uint8_t { unknown, present, absent };

/// Everything that a node is made of, in the order in which it is made; taken apart in reverse. Only wiring: what a
/// part does is written in its room.
struct parts {
  config::settings settings;
  /// Empty: none.
  std::string config_file;
  /// Whether the process was told to stop; asked while a start waits for another node.
  std::function<bool()> told_to_stop = [] { return false; };
  system_clocks clocks;
  /// The coordinator's, locked by this process.
  std::optional<host::data_folder> folder;
  /// The coordinator's data folder as this process sees it, and what its node.id says; a worker that does not see it
  /// has a folder of its own there, and no id.
  std::string shared_data;
  std::string data_id;
  /// Signs addresses of files; nullptr on a node that is no coordinator.
  std::shared_ptr<const identity::ticket_issuer> tickets;
  /// What a worker serves of its libraries, and where ("host:port"); nullptr and empty: it does not.
  std::shared_ptr<cluster::served_files> served;
  std::string file_address;
  /// Of this node, when it serves files; the port that a coordinator's took.
  std::unique_ptr<net::file_server> file_server;
  std::shared_ptr<own_traffic> traffic = std::make_shared<own_traffic>();
  std::shared_ptr<std::atomic<uint16_t>> files_port = std::make_shared<std::atomic<uint16_t>>(0);
  /// Where others reach the files of this coordinator; empty: where they have reached it itself.
  std::string files_host;
  /// What this node knows of the coordinator's, when that is another one.
  std::shared_ptr<cluster::coordinator_files> coordinator_files = std::make_shared<cluster::coordinator_files>();
  /// Of a worker: what it has of other nodes' files, in a folder that is locked. nullptr: it fetches none.
  unique_fd cache_lock;
  std::string cache_folder;
  std::unique_ptr<ports::source_cache> source_cache;
  std::shared_ptr<ports::peer_files> peers;
  /// The coordinator's present term, for who asks for the node's status; 0 until the queue is read.
  std::shared_ptr<std::atomic<uint64_t>> term = std::make_shared<std::atomic<uint64_t>>(0);
  std::shared_ptr<ports::files> files;
  /// What reads files of libraries for others, and writes theirs: a mount that hangs keeps nothing but its own.
  std::shared_ptr<ports::root_threads> disks;
  /// nullptr on a node that is no coordinator.
  std::shared_ptr<ports::database> database;
  /// nullptr: no Redis configured.
  std::shared_ptr<ports::key_value> redis;
  std::shared_ptr<ports::http_client> http;
  std::shared_ptr<ports::child_processes> children;
  std::shared_ptr<const mesh_access> mesh;
  /// Of other nodes, that came in at this coordinator's door.
  std::shared_ptr<dispatch::gateway_register> gateways = std::make_shared<dispatch::gateway_register>();
  std::unique_ptr<caf::actor_system_config> system_config;
  std::unique_ptr<caf::actor_system> system;
  std::shared_ptr<supervision::address_book> book;
  /// Between the notifier, whoever it is at the time, and those who publish.
  std::shared_ptr<notify::topic_interest> interest = std::make_shared<notify::topic_interest>();
  std::shared_ptr<coordinator_link> coordinator;
  /// nullptr on a node that is no worker.
  std::shared_ptr<cluster::mounted_libraries> mounted;
  /// The worker of this process, since its last start.
  std::shared_ptr<own_worker> self_as_worker = std::make_shared<own_worker>();
  std::optional<cache::node_cache> cache;
  health::health_board board;
  std::shared_ptr<gateway::near_files> near_files;
  std::shared_ptr<std::atomic<data_mount_state>> data_mounted =
    std::make_shared<std::atomic<data_mount_state>>(data_mount_state::unknown);
  /// Of a gateway whose coordinator is another node; nullptr otherwise.
  std::shared_ptr<gateway::coordinator_watch> watch;
  std::shared_ptr<gateway_entry> entry;
  std::shared_ptr<gateway::mesh_backend> backend;
  std::unique_ptr<net::server> server;
  mesh::supervisor root;
  /// Ports that were taken; 0: none.
  uint16_t api_port = 0;
  uint16_t mesh_port = 0;
};

/// Absolute paths of what no client may ever read: certificates, keys, configuration.
std::vector<std::string> private_places_of(const parts& p);

/// Children of the root supervisor, by role. Each .cpp knows one concern.
supervision::child_spec coordinator_children(parts& p);
supervision::child_spec worker_children(parts& p);
/// Whether the program that does a worker's work can be run: without it each job would fail where all looks well.
result<void> check_executor(const config::settings& s);
/// Of a coordinator without the role worker. housekeeping.cpp
supervision::child_spec housekeeping_children(parts& p);
supervision::child_spec gateway_children(parts& p);
/// What keeps a gateway with a coordinator on another node.
supervision::child_spec coordinator_link_children(parts& p);
supervision::child_spec health_children(parts& p);

/// Finds out which libraries a worker has. library_mounts.cpp
supervision::child_spec library_watch_child(parts& p);
/// Sets `mounted`, by the configuration.
result<void> read_mounts(parts& p);

/// The coordinator's data folder where it is mounted (data_mount.cpp): for work::workshop::prove_data; empty where it
/// is not. `lost`: told of each proof that fails, on the attempt's thread; may be empty.
std::function<result<std::shared_ptr<ports::files>>()> data_prover(const parts& p,
                                                                   std::function<void(const error&)> lost);
/// Tells the worker, before the attempt's outcome is there, and has the folder watched until it is back.
std::function<void(const error&)> data_lost(parts& p, cluster::worker worker);
/// On a node that has it mounted.
supervision::child_spec data_watch_child(parts& p);

/// Handles of the coordinator's actors: stable addresses when it lives in this process.
mesh::admin_handles local_admin_handles(parts& p);
mesh::worker_handles local_worker_handles(parts& p);

mesh::gateway_welcome local_gateway_welcome(parts& p);

/// The cache and ports::backend of a node with a gateway or the coordinator; before its tree.
void make_backend(parts& p);

/// What a cleanup has to know; for a node with the database.
work::cleanup_rules cleanup_rules_of(const parts& p);
work::shop_function cleanup_work(const parts& p);
/// Removes what the last life of this node left unfinished. Blocks; before anything of the tree runs.
void sweep_at_start(const parts& p);

/// Files between nodes. What others are told of where this coordinator's are. files.cpp
result<void> find_files_host(parts& p);
/// Those of this coordinator, for nodes that have not mounted them.
result<void> start_file_server(parts& p);
/// Those of this worker's libraries, where it is configured so; before it says hello.
result<void> start_library_server(parts& p);
/// What this node says of itself with each renewal: the room on its disks, and what its file server has moved.
/// figures.cpp
std::function<node_figures()> figures_of(const parts& p);
/// What is to be done about its certificate by now; an empty function where it has none.
std::function<std::string()> certificate_due(const parts& p);
/// The means to read files from afar, and to send them. A node with the coordinator's data folder works without, but
/// for libraries that it has not mounted. far_files.cpp
result<void> open_cache(parts& p);
/// For attempts of the worker of that id; nullptr where nothing can be fetched.
std::shared_ptr<work::far_files> far_files_for(parts& p, worker_id worker);

/// Sees whether this node reaches the coordinator's files: a worker that fetches any, and a gateway elsewhere that is
/// no worker. files_reach.cpp
bool watches_files(const parts& p);
supervision::child_spec worker_files_child(parts& p);
supervision::child_spec gateway_files_child(parts& p);

/// The means of a gateway to read what its node does not have. gateway_files.cpp
void add_far_files(parts& p, gateway::gateway_config& config);

/// Ends or releases the worker's work within the grace. Blocks.
void drain_worker(parts& p, milliseconds grace);

/// Opens and starts everything; a sentence for people when it can't. The node is ready when this returns.
result<void> start(parts& p);
/// Drains and stops within the configured grace.
void stop(parts& p);

} // namespace troupe::node

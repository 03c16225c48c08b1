#include "actors/cluster/files_watch.hpp"
#include "actors/gateway/follower.hpp"
#include "actors/supervision/directory.hpp"
#include "host/mounted_file.hpp"
#include "nodes/trouped/gateway_entry.hpp"
#include "nodes/trouped/node.hpp"

#include <spdlog/spdlog.h>

namespace troupe::node {

namespace {

using std::chrono::seconds;

/// Between look-ups of a coordinator that is away.
constexpr supervision::backoff look_up_delays{milliseconds{200}, milliseconds{5'000}, 2, 0.25, milliseconds{10'000}};

std::shared_ptr<gateway::near_files> near_files_of(const parts& p) {
  if (p.settings.has_role("coordinator"))
    return std::make_shared<gateway::near_files>(p.folder->path(), p.files);
  return std::make_shared<gateway::near_files>(p.files, p.shared_data);
}

/// Stable addresses: of the coordinator's own actors in its process, else of those that the follower connects.
gateway::gateway_peers peers_of(parts& p) {
  gateway::gateway_peers peers;
  auto& book = *p.book;
  peers.jobs = book.of<mesh::job_client>(p.settings.has_role("coordinator") ? "job_intake" : "dispatcher");
  peers.queues = book.of<mesh::job_admin>("dispatcher");
  peers.librarian = book.of<mesh::librarian>("librarian");
  peers.catalogue = book.of<mesh::catalogue_reader>("catalogue");
  peers.nodes = book.of<mesh::node_admin>("dispatcher");
  peers.node = book.of<mesh::node_info>("node_info");
  peers.file_desk = book.of<mesh::file_reader>("file_desk");
  peers.notifier = book.of<mesh::event_source>("notifier");
  peers.root = book.of<mesh::supervisor>("root");
  if (p.settings.has_role("worker"))
    peers.executors = book.of<work::executor_pool>("executor_pool");
  return peers;
}

supervision::child_spec child(std::string name, std::function<caf::actor()> spawn) {
  supervision::child_spec spec;
  spec.name = std::move(name);
  spec.start = [spawn = std::move(spawn)](caf::event_based_actor*) -> caf::expected<caf::actor> { return spawn(); };
  return spec;
}

std::shared_ptr<gateway_entry> make_entry(parts& p) {
  // Valid: the configuration was checked.
  auto places = config::parse_host_ports(p.settings.mesh.coordinator).value_or(std::vector<config::host_port>{});
  return std::make_shared<gateway_entry>(*p.system, p.mesh, std::move(places), p.settings.node_name(), p.watch);
}

/// In the log, when its disk has answered: this is a scheduler's thread.
void tell_whether_mounted(const parts& p) {
  // Not the actor itself: a disk that hangs must not keep it alive.
  caf::actor_addr address;
  if (!p.settings.has_role("worker"))
    address = p.book->of<cluster::files_watch>("files_watch").address();
  auto begun = p.disks->begin("data", [files = p.near_files, mounted = p.data_mounted, address] {
    auto here = files->check_data();
    *mounted = here ? data_mount_state::present : data_mount_state::absent;
    if (!here)
      spdlog::warn("gateway: {}", here.error().message);
    if (auto watch = caf::actor_cast<cluster::files_watch>(address))
      caf::anon_send(watch, cluster::recheck_files{});
  });
  if (!begun)
    spdlog::warn("gateway: {} (node.data) can't be looked at: {}", p.shared_data, begun.error().message);
}

gateway::follower_config follower_settings(parts& p, const std::shared_ptr<gateway_entry>& entry) {
  gateway::follower_config c;
  c.directory = p.book->of<caf::actor>("directory");
  c.book = p.book;
  c.watch = p.watch;
  c.last_welcome = [entry] { return entry->last(); };
  c.joined = [&p](const mesh::gateway_welcome& x) {
    p.near_files->coordinator_is(x.data_folder, x.data_id);
    tell_whether_mounted(p);
    p.backend->joined(x);
    p.backend->set_ready(true);
  };
  c.follow_again = [&p] { p.backend->refollow(); };
  c.interval = p.settings.mesh.heartbeat;
  c.silence = p.settings.mesh.connection_timeout / 2;
  return c;
}

} // namespace

void make_backend(parts& p) {
  cache::cache_config c;
  c.capacity = p.settings.cache.entries;
  c.time = &p.clocks;
  c.l2 = p.redis;
  p.cache.emplace(cache::make_cache(std::move(c)));
  // What an earlier life left in Redis may be older than the database.
  p.cache->invalidate("videos");
  p.near_files = near_files_of(p);
  if (!p.settings.has_role("coordinator")) {
    p.watch = std::make_shared<gateway::coordinator_watch>();
    p.entry = make_entry(p);
  }
  gateway::gateway_config config{p.near_files,        p.watch, seconds{10}, nullptr, *p.cache, p.settings.cache.ttl,
                                 p.settings.cache.ttl};
  add_far_files(p, config);
  config.profiles = p.settings.all_profiles();
  config.health = [board = p.board] { return board.last(); };
  config.traffic = [traffic = p.traffic] { return std::optional{traffic->figures()}; };
  config.time = &p.clocks;
  config.disks = p.disks;
  config.guarded = [disks = std::weak_ptr<ports::root_threads>{p.disks}](ports::located_file x,
                                                                         const std::string& root) {
    return host::behind_threads(std::move(x), disks, root);
  };
  p.backend =
    std::make_shared<gateway::mesh_backend>(std::move(config), peers_of(p), p.book->of<caf::actor>("gateway"));
}

supervision::child_spec coordinator_link_children(parts& p) {
  supervision::supervisor_config c;
  c.name = "coordinator_link";
  // A new directory has no followers.
  c.strategy = supervision::strategy::rest_for_one;
  c.addresses = p.book;
  auto entry = p.entry;
  c.children.push_back(child("directory", [&p, entry] {
    supervision::directory_config d;
    d.look_up = [entry](const std::string&, const std::string&) -> caf::expected<caf::actor> {
      auto welcome = entry->enter();
      if (!welcome)
        return mesh::to_caf(welcome.error());
      return caf::actor_cast<caf::actor>(welcome->handles.events);
    };
    d.delays = look_up_delays;
    return supervision::spawn_directory(*p.system, std::move(d));
  }));
  c.children.push_back(child("coordinator_follower",
                             [&p, entry] { return gateway::spawn_follower(*p.system, follower_settings(p, entry)); }));
  if (!p.settings.has_role("worker"))
    c.children.push_back(gateway_files_child(p));
  return supervision::sub_supervisor(std::move(c));
}

supervision::child_spec gateway_children(parts& p) {
  supervision::supervisor_config c;
  c.name = "gateway_concern";
  c.addresses = p.book;
  c.children.push_back(
    child("cache", [&p] { return caf::actor_cast<caf::actor>(cache::spawn_cache(*p.system, *p.cache)); }));
  c.children.push_back(child("gateway", [&p] { return p.backend->spawn_actor(*p.system); }));
  return supervision::sub_supervisor(std::move(c));
}

} // namespace troupe::node

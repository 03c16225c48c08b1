#include "nodes/trouped/node.hpp"

#include "actors/dispatch/dispatcher.hpp"
#include "host/child_processes.hpp"
#include "host/files.hpp"
#include "host/root_threads.hpp"
#include "net/http_client.hpp"
#include "net/key_value.hpp"
#include "nodes/trouped/loop_scheduler.hpp"
#include "store/open.hpp"

#include <caf/io/all.hpp>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <filesystem>

namespace troupe::node {

namespace {

using std::chrono::seconds;

/// About as long as connecting to one address may take.
constexpr seconds first_look_up_limit{6};

// -- the world --------------------------------------------------------------------------------------------------------

std::string absolute(const std::string& path) {
  std::error_code ignored;
  auto full = std::filesystem::weakly_canonical(std::filesystem::absolute(path, ignored), ignored);
  return full.string();
}

/// Tests show with it that they notice lost commits: no configuration can ask for it.
store::open_options database_options() {
  store::open_options out;
  if (std::getenv("TROUPE_TEST_UNSYNCED_COMMITS") != nullptr) {
    spdlog::error("start: TROUPE_TEST_UNSYNCED_COMMITS is set: a power cut loses acknowledged jobs");
    out.synchronous_off = true;
  }
  return out;
}

/// The node's name and roles are those of its certificate.
result<void> read_papers(parts& p) {
  std::optional<identity::node_papers> papers;
  if (auto& folder = p.settings.mesh.identity; !folder.empty()) {
    auto read = identity::load_papers(absolute(folder), p.clocks.wall());
    if (!read)
      return {read.error().code, "mesh.identity: " + read.error().message};
    auto& facts = read->facts;
    if (p.settings.node.name.empty())
      p.settings.node.name = facts.name;
    if (p.settings.node.name != facts.name)
      return {errc::validation, "node.name is '" + p.settings.node.name + "', but the certificate in " + read->folder
                                  + " is for '" + facts.name + "'; leave node.name out"};
    // Tests show with it that a coordinator looks, too: no configuration can ask for it.
    const bool unchecked = std::getenv("TROUPE_TEST_UNCHECKED_ROLES") != nullptr;
    if (unchecked)
      spdlog::error("start: TROUPE_TEST_UNCHECKED_ROLES is set: only the coordinator looks whether roles are granted");
    for (auto& role : p.settings.node.roles)
      if (!unchecked && !facts.has_role(role))
        return {errc::forbidden, "node.roles has " + role + ", which the certificate in " + read->folder
                                   + " does not grant; issue one with '--role " + role + "'"};
    if (auto due = identity::renewal_due(facts, p.clocks.wall()); !due.empty())
      spdlog::warn("start: {}", due);
    papers = std::move(*read);
  }
  p.mesh = std::make_shared<mesh_access>(std::move(papers), p.clocks);
  return {};
}

/// What a worker proves with that it sees the coordinator's data folder; a gateway does so when it has found it. A
/// worker that has none there works without it.
result<void> read_data_id(parts& p) {
  if (!p.settings.has_role("worker"))
    return {};
  auto id = p.files->read_text(p.shared_data + "/node.id");
  if (!id && id.error().code == errc::not_found) {
    spdlog::info("start: the coordinator's data folder is not mounted at {}: files are fetched from it and sent to it",
                 p.shared_data);
    return p.files->make_folders(p.shared_data + "/tmp");
  }
  if (!id)
    return {id.error().code, p.shared_data + "/node.id: can't be read (" + id.error().message
                               + "); let this user read it, or choose another folder with node.data"};
  p.data_id = id->substr(0, id->find('\n'));
  return {};
}

result<void> open_world(parts& p) {
  TROUPE_TRY(read_papers(p));
  p.files = std::make_shared<host::files>();
  p.disks = std::make_shared<host::root_threads>();
  if (p.settings.has_role("coordinator")) {
    auto folder = host::data_folder::open(absolute(p.settings.node.data));
    if (!folder)
      return std::move(folder).error();
    p.folder.emplace(std::move(*folder));
    p.shared_data = p.folder->path();
    p.data_id = p.folder->node_id();
    // The folder's own path is absolute: a relative database URL would follow the working directory.
    p.settings.node.data = p.folder->path();
    auto database = store::open_database(p.settings.database_url(), database_options());
    if (!database)
      return std::move(database).error();
    p.database = std::move(*database);
    auto tickets = identity::ticket_issuer::create();
    if (!tickets)
      return std::move(tickets).error();
    p.tickets = std::make_shared<const identity::ticket_issuer>(std::move(*tickets));
  } else {
    p.shared_data = absolute(p.settings.node.data);
    TROUPE_TRY(read_data_id(p));
  }
  if (p.settings.has_role("worker")) {
    TROUPE_TRY(check_executor(p.settings));
    TROUPE_TRY(read_mounts(p));
    TROUPE_TRY(open_cache(p));
  }
  if (auto url = p.settings.redis_url(); !url.empty()) {
    auto address = net::parse_redis_url(url);
    if (!address)
      return std::move(address).error();
    net::redis_options options;
    options.address = std::move(*address);
    p.redis = net::make_redis(std::move(options));
  }
  p.http = net::make_http_client(p.clocks);
  auto children = host::start_child_processes();
  if (!children)
    return std::move(children).error();
  p.children = std::move(*children);
  return {};
}

// -- the mesh ---------------------------------------------------------------------------------------------------------

result<void> make_system(parts& p) {
  p.system_config = std::make_unique<caf::actor_system_config>();
  auto& c = *p.system_config;
  TROUPE_TRY(p.mesh->configure(c));
  mesh::register_messages(c);
  c.set("middleman.heartbeat-interval", caf::timespan{p.settings.mesh.heartbeat});
  c.set("middleman.connection-timeout", caf::timespan{p.settings.mesh.connection_timeout});
  // Actors decide and pass on; what blocks or computes for long has threads of its own.
  use_loop_scheduler(c);
  // Messages of peers are small: the thread that reads them decodes them, too.
  c.set("middleman.workers", size_t{0});
  // A message is two reads, its header and its body; a third would mostly find nothing.
  c.set("middleman.max-consecutive-reads", size_t{2});
  c.set("logger.verbosity", caf::atom("quiet"));
  p.system = std::make_unique<caf::actor_system>(c);
  p.book = std::make_shared<supervision::address_book>(*p.system);
  return {};
}

result<void> publish_door(parts& p) {
  auto port = p.mesh->publish(*p.system, p.book->of<mesh::door>("door"), p.settings.mesh.address, p.settings.mesh.port);
  if (!port)
    return std::move(port).error();
  p.mesh_port = *port;
  return {};
}

result<void> find_coordinator(parts& p) {
  if (p.settings.has_role("coordinator")) {
    p.coordinator = std::make_shared<coordinator_link>(local_worker_handles(p));
    return {};
  }
  if (!p.settings.has_role("worker"))
    return {};
  auto where = config::parse_host_ports(p.settings.mesh.coordinator);
  if (!where)
    return {errc::validation, "mesh.coordinator: must be HOST:PORT of the coordinator on a node that is none itself"};
  p.coordinator = std::make_shared<coordinator_link>(*p.system, p.mesh, std::move(*where), p.settings.node_name());
  // A gateway does not wait, and the worker beside it joins when it can.
  return p.settings.has_role("gateway") ? result<void>{} : p.coordinator->connect(seconds{30}, p.told_to_stop);
}

void start_tree(parts& p) {
  supervision::supervisor_config root;
  root.name = "node";
  root.addresses = p.book;
  root.intensity.max_restarts = 3;
  if (p.settings.has_role("coordinator")) {
    root.children.push_back(coordinator_children(p));
  } else if (p.watch) {
    root.children.push_back(coordinator_link_children(p));
  }
  if (p.backend) {
    root.children.push_back(gateway_children(p));
    root.children.push_back(health_children(p));
  }
  if (p.settings.has_role("worker"))
    root.children.push_back(worker_children(p));
  else if (p.settings.has_role("coordinator"))
    root.children.push_back(housekeeping_children(p));
  p.root = supervision::spawn_supervisor(*p.system, std::move(root));
  p.book->connect("root", caf::actor_cast<caf::actor>(p.root));
}

/// Asks until it is answered: the coordinator's actors read the database first.
template <class Handle, class Message, class Answer>
result<void> wait_for(parts& p, Handle who, Message message, milliseconds limit) {
  caf::scoped_actor self{*p.system};
  auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    result<void> out;
    self->request(who, seconds{5}, message)
      .receive([](const Answer&) {}, [&](caf::error& e) { out = mesh::from_caf(e); });
    if (out || std::chrono::steady_clock::now() > end)
      return out;
    std::this_thread::sleep_for(milliseconds{10});
  }
}

net::server_config server_settings(const parts& p) {
  auto& g = p.settings.gateway;
  net::server_config c;
  c.address = g.address;
  c.port = g.port;
  c.threads = g.threads;
  c.max_connections = g.max_connections;
  c.allowed_hosts = g.hosts;
  c.allowed_origins = g.origins;
  c.max_body_bytes = g.max_body.bytes;
  c.max_upload_bytes = g.max_upload.bytes;
  c.header_deadline = g.header_timeout;
  c.idle_deadline = g.idle_timeout;
  // A body that does not come, or an answer that is not taken, is a stalled connection.
  c.body_deadline = g.idle_timeout;
  c.write_deadline = g.idle_timeout;
  c.requests_per_minute = g.requests_per_minute;
  c.fault = [](const std::string& line) { spdlog::error("gateway: {}", line); };
  return c;
}

void add_configured_libraries(parts& p) {
  for (auto& x : p.settings.libraries) {
    library what;
    what.name = x.name;
    what.root = x.root;
    what.category = x.category;
    p.backend->add_library(std::move(what), [root = x.root](result<library> added) {
      // It is there from the last start: that is what was asked for.
      if (!added && added.error().code != errc::conflict)
        spdlog::error("library {} of the configuration was not added: {}", root, added.error().message);
    });
  }
}

result<void> start_roles(parts& p) {
  if (p.settings.has_role("coordinator")) {
    TROUPE_TRY((wait_for<mesh::job_admin, mesh::get_queues, mesh::queue_list>(
      p, p.book->of<mesh::job_admin>("dispatcher"), mesh::get_queues{}, seconds{60})));
    TROUPE_TRY((wait_for<mesh::librarian, mesh::get_libraries, mesh::library_list>(
      p, p.book->of<mesh::librarian>("librarian"), mesh::get_libraries{}, seconds{60})));
    TROUPE_TRY(start_file_server(p));
    TROUPE_TRY(publish_door(p));
    add_configured_libraries(p);
  }
  // Until then everything would be refused; one that does not come is no reason not to start.
  if (p.watch)
    TROUPE_TRY(p.watch->first_look_up(first_look_up_limit));
  if (p.settings.has_role("gateway")) {
    p.server = std::make_unique<net::server>(server_settings(p), *p.backend);
    auto port = p.server->start();
    if (!port)
      return std::move(port).error();
    p.api_port = *port;
  }
  // A gateway of its own is ready when it has found its coordinator.
  if (p.backend && !p.watch)
    p.backend->set_ready(true);
  return {};
}

} // namespace

std::vector<std::string> private_places_of(const parts& p) {
  std::vector<std::string> out;
  for (auto& path : {p.settings.mesh.identity, p.config_file}) {
    if (path.empty())
      continue;
    std::error_code ignored;
    // As it is called, and where it really is.
    out.push_back(std::filesystem::absolute(path, ignored).lexically_normal().string());
    out.push_back(absolute(path));
  }
  return out;
}

result<void> start(parts& p) {
  TROUPE_TRY(open_world(p));
  TROUPE_TRY(make_system(p));
  if (p.settings.has_role("coordinator") || p.settings.has_role("gateway"))
    make_backend(p);
  TROUPE_TRY(find_coordinator(p));
  if (p.database)
    sweep_at_start(p);
  TROUPE_TRY(find_files_host(p));
  TROUPE_TRY(start_library_server(p));
  start_tree(p);
  return start_roles(p);
}

void stop(parts& p) {
  auto grace = p.settings.node.stop_grace;
  if (p.backend)
    p.backend->set_ready(false);
  if (p.server && !p.server->drain(grace))
    spdlog::warn("stop: some requests did not end within {} ms", grace.count());
  const bool works = p.settings.has_role("worker") || p.settings.has_role("coordinator");
  if (p.system && works && p.root)
    drain_worker(p, grace);
  if (p.server)
    p.server->stop();
  if (p.file_server)
    p.file_server->stop();
  if (p.root) {
    auto stopped = supervision::stop_supervisor(*p.system, p.root, grace + seconds{5});
    if (!stopped)
      spdlog::warn("stop: {}", stopped.error().message);
    p.root = nullptr;
  }
  p.gateways->tell({});
  // Whoever still waits for an answer gets it while there is somebody to tell.
  if (p.book)
    p.book->close();
  p.book.reset();
  p.server.reset();
  p.traffic->serves(nullptr);
  p.file_server.reset();
  p.backend.reset();
  // What hangs is left behind; all else has ended before those go to whom it tells what it has found.
  p.disks.reset();
  p.coordinator.reset();
  p.http.reset();
  p.redis.reset();
  p.cache.reset();
  p.system.reset();
  p.peers.reset();
  p.source_cache.reset();
  p.cache_lock.reset();
  p.children.reset();
}

} // namespace troupe::node

// Files of other nodes for the clients of a gateway whose node does not have them (ADR 014).

#include "host/folder_lock.hpp"
#include "host/source_cache.hpp"
#include "net/peer_files.hpp"
#include "nodes/trouped/gateway_entry.hpp"
#include "nodes/trouped/node.hpp"

#include <caf/scoped_actor.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace troupe::node {

namespace {

constexpr std::chrono::seconds ask_limit{10};

/// A cache, and that no other process has it.
struct locked_cache {
  unique_fd lock;
  std::unique_ptr<ports::source_cache> cache;
};

std::string environment(const char* name) {
  const auto* value = std::getenv(name);
  return value && *value == '/' ? value : "";
}

/// Of this node alone. The data folder is that when it is this node's own; one that is shared may be a network's.
result<std::string> cache_folder(const parts& p) {
  if (auto& named = p.settings.gateway.cache_folder; !named.empty()) {
    std::error_code failed;
    auto full = std::filesystem::absolute(named, failed).lexically_normal().string();
    return failed ? result<std::string>{errc::validation, failed.message()} : full;
  }
  auto id = p.files->read_text(p.shared_data + "/node.id");
  if (p.settings.has_role("coordinator") || (!id && id.error().code == errc::not_found))
    return p.shared_data + "/cache/gateway";
  auto name = "/gateway-" + p.settings.node_name();
  std::replace(name.begin() + 1, name.end(), '/', '_');
  if (auto given = environment("CACHE_DIRECTORY"); !given.empty())
    return given.substr(0, given.find(':')) + name;
  if (auto user = environment("XDG_CACHE_HOME"); !user.empty())
    return user + "/troupe" + name;
  if (auto home = environment("HOME"); !home.empty())
    return home + "/.cache/troupe" + name;
  return {errc::not_found, "this user has no folder of its own"};
}

result<std::shared_ptr<ports::source_cache>> try_cache(const parts& p) {
  auto folder = cache_folder(p);
  if (!folder)
    return std::move(folder).error();
  TROUPE_TRY(p.files->make_folders(*folder));
  auto lock = host::lock_folder(*folder);
  if (!lock)
    return std::move(lock).error();
  host::source_cache_options options;
  options.folder = *folder;
  options.max_bytes = p.settings.gateway.cache.bytes;
  auto cache = host::open_source_cache(options);
  if (!cache)
    return std::move(cache).error();
  spdlog::info("gateway: files that are not mounted here are fetched, and kept in {}", *folder);
  auto out = std::make_shared<locked_cache>(locked_cache{std::move(*lock), std::move(*cache)});
  return std::shared_ptr<ports::source_cache>{out, out->cache.get()};
}

/// Only once it is needed: a gateway with all mounts has none.
result<gateway::far_means> open_means(const parts& p) {
  auto cache = try_cache(p);
  if (!cache)
    return {cache.error().code,
            "there is no place for files of other nodes: " + cache.error().message + " (gateway.cache_folder)"};
  // Of a worker in this process.
  gateway::far_means out{std::move(*cache), p.peers};
  if (out.peers)
    return out;
  net::peer_papers papers;
  if (auto& own = p.mesh->papers())
    papers = {own->own.certificate, own->own.key, own->authority};
  out.peers = net::make_peer_files(std::move(papers), p.clocks);
  return out;
}

/// Of the coordinator's file server, as this node calls it.
std::string coordinators_host(const parts& p) {
  auto& s = p.settings;
  if (p.entry)
    return p.entry->host();
  return s.files.address.empty() ? s.mesh.address : s.files.address;
}

/// As this gateway can use it.
gateway::far_grant usable(const parts& p, const mesh::file_grant& x) {
  auto host = x.host.empty() ? coordinators_host(p) : x.host;
  if (host.find(':') != std::string::npos)
    host = "[" + host + "]";
  const std::string scheme = p.mesh->papers() ? "https://" : "http://";
  return {scheme + host + ":" + std::to_string(x.port) + "/files/" + x.ticket, x.node, x.version, x.host.empty()};
}

/// Asks the coordinator's file desk and waits; never from an actor's thread.
result<gateway::far_grant> ask_desk(const parts& p, const mesh::file_reader& desk, mesh::read_file message) {
  if (p.watch && p.watch->away())
    return gateway::coordinator_watch::refusal();
  caf::scoped_actor self{*p.system};
  result<gateway::far_grant> out{errc::unavailable, "no answer"};
  self->request(desk, ask_limit, std::move(message))
    .receive([&](const mesh::file_grant& x) { out = usable(p, x); }, [&](caf::error& e) { out = mesh::from_caf(e); });
  return out;
}

} // namespace

void add_far_files(parts& p, gateway::gateway_config& config) {
  config.certified_name = p.mesh->papers() ? p.settings.node_name() : std::string{};
  config.address = [&p](const mesh::file_grant& x) { return usable(p, x); };
  gateway::far_reader_config c;
  c.ask = [&p, name = config.certified_name,
           desk = p.book->of<mesh::file_reader>("file_desk")](library_id library, const std::string& path) {
    return ask_desk(p, desk, {name, library, path});
  };
  c.open = [&p] { return open_means(p); };
  c.cache_bytes = p.settings.gateway.cache.bytes;
  c.time = &p.clocks;
  c.random = machine_random();
  c.away = [watch = p.watch] { return watch && watch->away(); };
  config.far = std::make_shared<gateway::far_reader>(std::move(c));
}

} // namespace troupe::node

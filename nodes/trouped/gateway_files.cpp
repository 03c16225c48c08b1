// Files of other nodes for the clients of a gateway whose node does not have them (ADR 014).

#include "actors/media/in_time.hpp"
#include "net/peer_files.hpp"
#include "nodes/trouped/file_means.hpp"
#include "nodes/trouped/gateway_entry.hpp"

#include <caf/scoped_actor.hpp>
#include <spdlog/spdlog.h>

namespace troupe::node {

namespace {

constexpr std::chrono::seconds ask_limit{10};
/// For a disk; clients wait meanwhile.
constexpr std::chrono::seconds look_limit{4};

/// The data folder is this node's, and no mount of the coordinator's. Looked at when the cache is opened, and not at
/// the start: it may have been mounted since. A mount that does not answer is not ours. errc::rate_limited: busy.
result<bool> has_own_data(const parts& p) {
  if (p.settings.has_role("coordinator"))
    return true;
  auto id = work::in_time<std::string>(
    *p.disks, "data", look_limit,
    [files = p.files, path = p.shared_data + "/node.id"] { return files->read_text(path); }, error{errc::timeout});
  if (!id && id.error().code == errc::rate_limited)
    return error{errc::rate_limited, p.shared_data + ": " + id.error().message};
  return !id && id.error().code == errc::not_found;
}

result<std::shared_ptr<ports::source_cache>> try_cache(const parts& p) {
  auto& s = p.settings.gateway;
  // Who has named a folder wants that one, whatever the data folder is.
  auto own_data = s.cache_folder.empty() ? has_own_data(p) : result<bool>{false};
  if (!own_data)
    return std::move(own_data).error();
  auto opened = open_locked_cache(p, {s.cache_folder, s.cache.bytes, *own_data, "cache/gateway", "gateway-"});
  if (!opened)
    return std::move(opened).error();
  spdlog::info("gateway: files that are not mounted here are fetched, and kept in {}", opened->folder);
  auto out = std::make_shared<locked_cache>(std::move(*opened));
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
  out.peers = net::make_peer_files(papers_of(p), p.clocks);
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
  const auto host = x.host.empty() ? coordinators_host(p) : x.host;
  return {file_url(p, host, x.port, x.ticket), x.node, x.version, p.coordinator_files->is_at(x)};
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

// Files of other nodes: how attempts of this one's worker get at them.

#include "nodes/trouped/node.hpp"

#include "actors/cluster/file_hosts.hpp"
#include "host/folder_lock.hpp"
#include "host/source_cache.hpp"
#include "net/peer_files.hpp"

#include <caf/scoped_actor.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace troupe::node {

namespace {

constexpr std::chrono::seconds ask_limit{10};

/// Asks the coordinator's file desk and waits; never from an actor's thread.
template <class Message>
result<mesh::file_grant> ask(const parts& p, Message message) {
  caf::scoped_actor self{*p.system};
  result<mesh::file_grant> out{errc::unavailable, "no answer"};
  self->request(p.coordinator->handles().files, ask_limit, std::move(message))
    .receive([&](mesh::file_grant& x) { out = std::move(x); }, [&](caf::error& e) { out = mesh::from_caf(e); });
  return out;
}

result<work::far_file> granted(const parts& p, result<mesh::file_grant> x) {
  if (!x)
    return std::move(x).error();
  const auto host = x->host.empty() ? p.coordinator->host() : x->host;
  const auto* scheme = p.mesh->papers() ? "https://" : "http://";
  return work::far_file{scheme + cluster::file_address(host, x->port) + "/files/" + x->ticket, x->node, x->version};
}

work::far_desk desk_of(parts& p, worker_id worker) {
  work::far_desk out;
  out.to_read = [&p, worker](const lease_token& token, library_id library, const std::string& path) {
    return granted(p, ask(p, mesh::get_file{token, worker, library, path}));
  };
  out.to_write = [&p, worker](const lease_token& token, const std::string& path, bool folder) {
    return granted(p, ask(p, mesh::put_file{token, worker, path, folder}));
  };
  return out;
}

std::string environment(const char* name) {
  const auto* value = std::getenv(name);
  return value && *value == '/' ? value : "";
}

/// As a name of a folder.
std::string plain(std::string name) {
  std::ranges::replace_if(
    name, [](char c) { return c == '/' || c == '\0'; }, '_');
  return name == "." || name == ".." || name.empty() ? "node" : name;
}

/// Of this node alone. The data folder is that when it is this node's own; one that is shared may be a network's.
result<std::string> cache_folder(const parts& p) {
  auto& s = p.settings;
  if (!s.files.cache_folder.empty()) {
    std::error_code failed;
    auto full = std::filesystem::absolute(s.files.cache_folder, failed).lexically_normal().string();
    return failed ? result<std::string>{errc::validation, failed.message()} : full;
  }
  if (p.data_id.empty() || s.has_role("coordinator"))
    return p.shared_data + "/cache";
  const auto name = "/" + plain(s.node_name());
  if (auto given = environment("CACHE_DIRECTORY"); !given.empty())
    return given.substr(0, given.find(':')) + name;
  if (auto user = environment("XDG_CACHE_HOME"); !user.empty())
    return user + "/troupe" + name;
  if (auto home = environment("HOME"); !home.empty())
    return home + "/.cache/troupe" + name;
  return {errc::not_found, "this user has no folder of its own"};
}

result<void> try_cache(parts& p) {
  auto folder = cache_folder(p);
  if (!folder)
    return std::move(folder).error();
  TROUPE_TRY(p.files->make_folders(*folder));
  auto lock = host::lock_folder(*folder);
  if (!lock)
    return std::move(lock).error();
  host::source_cache_options options;
  options.folder = *folder;
  options.max_bytes = p.settings.files.cache.bytes;
  auto cache = host::open_source_cache(options);
  if (!cache)
    return std::move(cache).error();
  p.cache_lock = std::move(*lock);
  p.source_cache = std::move(*cache);
  net::peer_papers papers;
  if (auto& own = p.mesh->papers())
    papers = {own->own.certificate, own->own.key, own->authority};
  p.peers = net::make_peer_files(std::move(papers), p.clocks);
  return {};
}

} // namespace

result<void> open_cache(parts& p) {
  auto opened = try_cache(p);
  if (opened)
    return {};
  // Without the data folder there is no work without it, and who has named a folder wants that one.
  if (p.data_id.empty() || !p.settings.files.cache_folder.empty())
    return {opened.error().code, "files.cache_folder: " + opened.error().message};
  spdlog::warn(
    "start: there is no place for files of other nodes ({}): libraries that this node has not mounted are left "
    "to others; name a folder with files.cache_folder",
    opened.error().message);
  return {};
}

std::shared_ptr<work::far_files> far_files_for(parts& p, worker_id worker) {
  if (!p.source_cache)
    return nullptr;
  // The node's parts outlive its actors, and so their attempts.
  std::shared_ptr<ports::source_cache> cache{std::shared_ptr<void>{}, p.source_cache.get()};
  auto sources = std::make_shared<work::remote_sources>(std::move(cache), p.peers, p.clocks, machine_random());
  return std::make_shared<work::far_files>(desk_of(p, worker), std::move(sources), p.peers, p.files);
}

} // namespace troupe::node

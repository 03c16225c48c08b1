// Files between nodes: what a coordinator serves, and how a worker without a mount gets at it.

#include "actors/cluster/file_rules.hpp"
#include "host/source_cache.hpp"
#include "net/peer_files.hpp"
#include "nodes/trouped/node.hpp"

#include <caf/scoped_actor.hpp>
#include <spdlog/spdlog.h>

namespace troupe::node {

namespace {

constexpr std::chrono::seconds ask_limit{10};

net::peer_papers papers_of(const parts& p) {
  auto& papers = p.mesh->papers();
  return papers ? net::peer_papers{papers->own.certificate, papers->own.key, papers->authority} : net::peer_papers{};
}

/// Asks an actor and waits; never from an actor's thread.
template <class Answer, class Handle, class Message>
result<Answer> ask(caf::actor_system& sys, const Handle& whom, Message message) {
  caf::scoped_actor self{sys};
  result<Answer> out{errc::unavailable, "no answer"};
  self->request(whom, ask_limit, std::move(message))
    .receive([&](Answer& x) { out = std::move(x); }, [&](caf::error& e) { out = mesh::from_caf(e); });
  return out;
}

result<std::string> folder_of_root(parts& p, const std::string& root) {
  auto library = cluster::library_of_root(root);
  if (!library)
    return std::move(library).error();
  if (!*library)
    return p.shared_data;
  auto list = ask<mesh::library_list>(*p.system, p.book->of<mesh::librarian>("librarian"), mesh::get_libraries{});
  if (!list)
    return std::move(list).error();
  for (auto& x : list->libraries)
    if (x.id == **library)
      return x.root;
  return {errc::not_found, "the library of this ticket is gone"};
}

net::file_server_hooks hooks_of(parts& p) {
  net::file_server_hooks out;
  out.check = [&p](std::string_view text) {
    return identity::check_ticket(text, p.tickets->public_key(), p.clocks.wall());
  };
  out.open = [&p](const file_ticket& x) -> result<ports::opened_file> {
    auto folder = folder_of_root(p, x.root);
    if (!folder)
      return std::move(folder).error();
    return p.files->open_source(*folder + "/" + x.path);
  };
  out.place = [&p](const file_ticket& x) -> result<net::upload_place> {
    return net::upload_place{p.shared_data + "/tmp/" + x.token.str(), p.shared_data + "/" + x.path};
  };
  return out;
}

std::string address_of(const parts& p, const mesh::file_grant& x) {
  auto host = x.host.empty() ? p.coordinator->host() : x.host;
  if (host.find(':') != std::string::npos)
    host = "[" + host + "]";
  return (p.mesh->papers() ? "https://" : "http://") + host + ":" + std::to_string(x.port) + "/files/" + x.ticket;
}

work::far_desk desk_of(parts& p, worker_id worker) {
  auto granted = [&p](result<mesh::file_grant> x) -> result<work::far_file> {
    if (!x)
      return std::move(x).error();
    return work::far_file{address_of(p, *x), x->node, x->version};
  };
  work::far_desk out;
  out.to_read = [&p, granted, worker](const lease_token& token, library_id library, const std::string& path) {
    return granted(
      ask<mesh::file_grant>(*p.system, p.coordinator->handles().files, mesh::get_file{token, worker, library, path}));
  };
  out.to_write = [&p, granted, worker](const lease_token& token, const std::string& path, bool folder) {
    return granted(
      ask<mesh::file_grant>(*p.system, p.coordinator->handles().files, mesh::put_file{token, worker, path, folder}));
  };
  return out;
}

} // namespace

result<void> start_file_server(parts& p) {
  auto& s = p.settings;
  net::file_server_options options;
  options.address = s.files.address.empty() ? s.mesh.address : s.files.address;
  options.port = s.files.port;
  options.papers = papers_of(p);
  options.bytes_per_second = s.files.rate.bytes;
  p.file_server = std::make_unique<net::file_server>(std::move(options), hooks_of(p), *p.files);
  auto port = p.file_server->start();
  if (!port)
    return {port.error().code, "files.address, files.port: " + port.error().message};
  p.files_port->store(*port);
  return {};
}

std::optional<ports::file_traffic> file_traffic_of(const parts& p) {
  if (!p.file_server)
    return std::nullopt;
  auto figures = p.file_server->figures();
  return ports::file_traffic{std::move(figures.bytes_out), std::move(figures.bytes_in)};
}

result<void> open_own_folder(parts& p) {
  TROUPE_TRY(p.files->make_folders(p.shared_data + "/tmp"));
  host::source_cache_options options;
  options.folder = p.shared_data + "/cache";
  options.max_bytes = p.settings.files.cache.bytes;
  auto cache = host::open_source_cache(options);
  if (!cache)
    return std::move(cache).error();
  p.source_cache = std::move(*cache);
  p.peers = net::make_peer_files(papers_of(p), p.clocks);
  spdlog::info("start: the coordinator's data folder is not mounted at {}: files are fetched from it and sent to it",
               p.shared_data);
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

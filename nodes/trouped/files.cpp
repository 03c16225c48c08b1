// Files for other nodes: what a coordinator serves, and what a worker does.

#include "nodes/trouped/file_means.hpp"

#include "actors/cluster/file_hosts.hpp"
#include "actors/cluster/file_rules.hpp"
#include "host/beneath.hpp"

#include <caf/event_based_actor.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

namespace troupe::node {

namespace {

constexpr std::chrono::seconds ask_limit{8};

using opener_found = std::function<void(result<net::file_opener>)>;

net::file_opener opener_below(std::string root, std::string path) {
  return [root = std::move(root), path = std::move(path)] { return host::open_beneath(root, path); };
}

result<std::string> root_of(const mesh::library_list& all, library_id id) {
  for (auto& x : all.libraries)
    if (x.id == id)
      return x.root;
  return {errc::not_found, "the library of this ticket is gone"};
}

/// By an actor of its own: nobody waits in a thread.
void ask_librarian(caf::actor_system& system, const mesh::librarian& librarian, library_id id,
                   std::function<void(result<std::string>)> done) {
  system.spawn([=](caf::event_based_actor* self) {
    self->request(librarian, ask_limit, mesh::get_libraries{})
      .then([=](const mesh::library_list& all) { done(root_of(all, id)); },
            [=](const caf::error& e) { done(mesh::from_caf(e)); });
  });
}

void find_at_coordinator(const parts& p, const file_ticket& x, opener_found done) {
  auto library = cluster::library_of_root(x.root);
  if (!library)
    return done(std::move(library).error());
  if (!*library)
    return done(opener_below(p.shared_data, x.path));
  ask_librarian(*p.system, p.book->of<mesh::librarian>("librarian"), **library,
                [path = x.path, done = std::move(done)](result<std::string> root) {
                  if (root)
                    done(opener_below(std::move(*root), path));
                  else
                    done(std::move(root).error());
                });
}

net::file_server_hooks hooks_of_coordinator(const parts& p) {
  net::file_server_hooks out;
  out.check = [&p](std::string_view text) {
    return identity::check_ticket(text, p.tickets->public_key(), p.clocks.wall());
  };
  out.find = [&p](const file_ticket& x, opener_found done) { find_at_coordinator(p, x, std::move(done)); };
  out.place = [data = p.shared_data](const file_ticket& x) -> result<net::upload_place> {
    const auto partial = "tmp/" + x.token.str();
    TROUPE_TRY(host::check_beneath(data, partial + "/x"));
    TROUPE_TRY(host::check_beneath(data, x.path));
    return net::upload_place{data + "/" + partial, data + "/" + x.path};
  };
  return out;
}

net::file_server_hooks hooks_of_worker(const std::shared_ptr<cluster::served_files>& served) {
  net::file_server_hooks out;
  out.check = [served](std::string_view text) { return served->check(text); };
  out.find = [served](const file_ticket& x, const opener_found& done) {
    done(net::file_opener{[served, x] { return served->open(x); }});
  };
  out.place = [](const file_ticket&) -> result<net::upload_place> {
    return {errc::forbidden, "this node takes no files"};
  };
  out.fits = cluster::served_files::fits;
  return out;
}

const std::string& listens_at(const config::settings& s) {
  return s.files.address.empty() ? s.mesh.address : s.files.address;
}

result<uint16_t> start_server(parts& p, net::file_server_hooks hooks) {
  auto& s = p.settings;
  net::file_server_options options;
  options.address = listens_at(s);
  options.port = s.files.port;
  options.papers = papers_of(p);
  options.bytes_per_second = s.files.rate.bytes;
  p.file_server = std::make_unique<net::file_server>(std::move(options), std::move(hooks), p.files, p.disks);
  auto port = p.file_server->start();
  if (!port)
    return {port.error().code, "files.address, files.port: " + port.error().message};
  p.traffic->serves(p.file_server.get());
  return port;
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (auto& x : names)
    out += (out.empty() ? "" : ", ") + x;
  return out.empty() ? "none" : out;
}

bool is_everywhere(const std::string& address) {
  constexpr std::array<std::string_view, 2> everywhere{"0.0.0.0", "::"};
  return std::ranges::find(everywhere, address) != everywhere.end();
}

/// Under which others reach this node: a name that its certificate has, or they would not believe it.
result<std::string> host_for_others(const parts& p) {
  auto& s = p.settings;
  const auto& host = s.files.host.empty() ? listens_at(s) : s.files.host;
  if (is_everywhere(host))
    return {errc::validation, "files.host: others can't be told to go to " + host
                                + "; write the name or address under which they reach this node"};
  if (!cluster::parse_file_address(cluster::file_address(host, 1)))
    return {errc::validation, "files.host: '" + host + "' is neither a name nor an address of a machine"};
  auto& papers = p.mesh->papers();
  if (papers && std::ranges::find(papers->facts.hosts, host) == papers->facts.hosts.end())
    return {errc::validation, "files.host: others would be told to go to " + host + ", but the certificate in "
                                + papers->folder + " is for other hosts (" + listed(papers->facts.hosts)
                                + "); write one of them, or issue a certificate with '--host " + host + "'"};
  return host;
}

} // namespace

result<void> find_files_host(parts& p) {
  auto& s = p.settings;
  if (!s.has_role("coordinator"))
    return {};
  // Who has reached this node under one name, of several or behind a translation of addresses, finds its files there.
  const auto& at = listens_at(s);
  if (s.files.host.empty() && (at == s.mesh.address || is_everywhere(at)))
    return {};
  auto host = host_for_others(p);
  if (!host)
    return std::move(host).error();
  p.files_host = std::move(*host);
  return {};
}

result<void> start_file_server(parts& p) {
  auto port = start_server(p, hooks_of_coordinator(p));
  if (!port)
    return std::move(port).error();
  p.files_port->store(*port);
  return {};
}

result<void> start_library_server(parts& p) {
  if (!p.settings.files.serve || !p.mounted || p.settings.has_role("coordinator"))
    return {};
  auto host = host_for_others(p);
  if (!host)
    return std::move(host).error();
  p.served = std::make_shared<cluster::served_files>(
    p.mounted, [](const std::string& root, const std::string& path) { return host::open_beneath(root, path); },
    p.clocks);
  auto port = start_server(p, hooks_of_worker(p.served));
  if (!port)
    return std::move(port).error();
  p.file_address = cluster::file_address(*host, *port);
  spdlog::info("start: the libraries of this node are served to others at {}", p.file_address);
  return {};
}

} // namespace troupe::node

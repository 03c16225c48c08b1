// Files of other nodes: how attempts of this one's worker get at them.

#include "nodes/trouped/file_means.hpp"

#include "net/peer_files.hpp"

#include <caf/scoped_actor.hpp>
#include <spdlog/spdlog.h>

namespace troupe::node {

namespace {

constexpr std::chrono::seconds ask_limit{10};

/// Whether the last question found nobody.
using away_flag = std::shared_ptr<std::atomic<bool>>;

/// Asks the coordinator's file desk and waits; never from an actor's thread.
template <class Message>
result<mesh::file_grant> ask(const parts& p, const away_flag& away, Message message) {
  caf::scoped_actor self{*p.system};
  result<mesh::file_grant> out{errc::unavailable, "no answer"};
  self->request(p.coordinator->handles().files, ask_limit, std::move(message))
    .receive(
      [&](mesh::file_grant& x) {
        *away = false;
        out = std::move(x);
      },
      [&](caf::error& e) {
        // Its own answers are errors of ours; the rest is what the mesh says of an actor that is away.
        *away = e.category() != caf::atom("troupe");
        out = mesh::from_caf(e);
      });
  return out;
}

result<work::far_file> granted(const parts& p, result<mesh::file_grant> x, bool of_data) {
  if (!x)
    return std::move(x).error();
  p.coordinator_files->granted(*x, of_data);
  const auto host = x->host.empty() ? p.coordinator->host() : x->host;
  return work::far_file{file_url(p, host, x->port, x->ticket), x->node, x->version, p.coordinator_files->is_at(*x)};
}

work::far_desk desk_of(parts& p, worker_id worker) {
  work::far_desk out;
  auto away = std::make_shared<std::atomic<bool>>(false);
  out.to_read = [&p, worker, away](const lease_token& token, library_id library, const std::string& path) {
    return granted(p, ask(p, away, mesh::get_file{token, worker, library, path}), !library);
  };
  out.to_write = [&p, worker, away](const lease_token& token, const std::string& path, bool folder) {
    return granted(p, ask(p, away, mesh::put_file{token, worker, path, folder}), true);
  };
  out.away = [away] { return away->load(); };
  // Who has only this way waits for it with what it has begun, and takes nothing new.
  if (!p.data_id.empty())
    out.out_of_reach = [known = p.coordinator_files] { return known->problem(); };
  return out;
}

result<void> try_cache(parts& p) {
  const auto own_data = p.data_id.empty() || p.settings.has_role("coordinator");
  auto opened =
    open_locked_cache(p, {p.settings.files.cache_folder, p.settings.files.cache.bytes, own_data, "cache", ""});
  if (!opened)
    return std::move(opened).error();
  p.cache_lock = std::move(opened->lock);
  p.source_cache = std::move(opened->cache);
  p.cache_folder = std::move(opened->folder);
  p.peers = net::make_peer_files(papers_of(p), p.clocks);
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
  auto desk = desk_of(p, worker);
  work::remote_settings reading;
  reading.coordinator_away = desk.away;
  auto sources =
    std::make_shared<work::remote_sources>(std::move(cache), p.peers, p.clocks, machine_random(), std::move(reading));
  return std::make_shared<work::far_files>(std::move(desk), std::move(sources), p.peers, p.files);
}

} // namespace troupe::node

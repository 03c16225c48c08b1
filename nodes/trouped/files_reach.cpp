// Whether this node reaches the coordinator's file server: looked at before work, or a client, has to find out.

#include "actors/cluster/files_watch.hpp"
#include "net/peer_files.hpp"
#include "nodes/trouped/file_means.hpp"
#include "nodes/trouped/gateway_entry.hpp"

#include <spdlog/spdlog.h>

#include <sys/mman.h>

#include <algorithm>

namespace troupe::node {

namespace {

constexpr milliseconds connect_limit{5'000};
constexpr milliseconds stall_limit{10'000};
/// Of the file that is read.
constexpr uint64_t most_bytes = 4096;

/// Begins to read the start of the granted file, into memory that nobody looks at.
std::shared_ptr<ports::transfer> read_a_little(ports::peer_files& peers, std::string url, uint64_t size,
                                               std::function<void(error)> done) {
  auto into = std::make_shared<unique_fd>(::memfd_create("troupe-reach", MFD_CLOEXEC));
  if (!*into) {
    done(error{errc::cancelled, "no memory to read into"});
    return nullptr;
  }
  ports::range_fetch what;
  what.url = std::move(url);
  what.ranges.push_back({0, std::clamp<uint64_t>(size, 1, most_bytes)});
  what.descriptor = into->get();
  what.connect_timeout = connect_limit;
  what.stall_timeout = stall_limit;
  return peers.fetch(std::move(what), {},
                     [into, done = std::move(done)](ports::peer_files::fetched x) { done(std::move(x.failure)); });
}

/// `host`: of the coordinator, as this node calls it.
auto reader_of(const parts& p, std::function<std::string()> host) {
  return [&p, host = std::move(host), peers = p.peers, known = p.coordinator_files](const mesh::file_grant& x,
                                                                                    std::function<void(error)> done) {
    known->granted(x, true);
    auto url = file_url(p, x.host.empty() ? host() : x.host, x.port, x.ticket);
    return read_a_little(*peers, std::move(url), x.version.size, std::move(done));
  };
}

supervision::child_spec child_of(parts& p, const cluster::files_watch_config& config) {
  supervision::child_spec out;
  out.name = "files_watch";
  out.start = [&p, config](caf::event_based_actor*) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(cluster::spawn_files_watch(*p.system, config));
  };
  return out;
}

cluster::files_watch_config settings_of(const parts& p) {
  cluster::files_watch_config c;
  c.node = p.settings.node_name();
  c.times.every = p.settings.worker.library_check;
  return c;
}

/// Whether a gateway has the coordinator's data folder, as it was found last; looks again without waiting.
std::function<bool()> lacks_data(const parts& p) {
  return [disks = p.disks, files = p.near_files, mounted = p.data_mounted] {
    if (*mounted == data_mount_state::unknown)
      return false;
    const bool lacks = *mounted == data_mount_state::absent;
    // A disk that does not answer changes nothing.
    (void)disks->begin("data", [files, mounted] {
      *mounted = files->check_data() ? data_mount_state::present : data_mount_state::absent;
    });
    return lacks;
  };
}

} // namespace

bool watches_files(const parts& p) {
  return p.settings.has_role("worker") && !p.settings.has_role("coordinator") && p.peers;
}

supervision::child_spec worker_files_child(parts& p) {
  auto c = settings_of(p);
  c.desk = [link = p.coordinator] { return caf::actor_cast<mesh::file_reader>(link->handles().files); };
  c.try_it = reader_of(p, [link = p.coordinator] { return link->host(); });
  // Who has the data folder needs it for libraries only.
  c.needed = [has_data = !p.data_id.empty(), mounted = p.mounted] { return !has_data || !mounted->problems().empty(); };
  c.tell = [known = p.coordinator_files, worker = p.book->of<cluster::worker>("worker")](const std::string& problem) {
    known->set_problem(problem);
    caf::anon_send(worker, cluster::coordinator_files_found{problem});
  };
  return child_of(p, c);
}

supervision::child_spec gateway_files_child(parts& p) {
  if (!p.peers)
    p.peers = net::make_peer_files(papers_of(p), p.clocks);
  auto c = settings_of(p);
  c.desk = [desk = p.book->of<mesh::file_reader>("file_desk")] { return desk; };
  c.try_it = reader_of(p, [entry = p.entry] { return entry->host(); });
  c.needed = lacks_data(p);
  c.tell = [known = p.coordinator_files](const std::string& problem) {
    if (!problem.empty())
      spdlog::error("gateway: {}", problem);
    else if (!known->problem().empty())
      spdlog::info("gateway: the coordinator's files are in reach again");
    known->set_problem(problem);
  };
  return child_of(p, c);
}

} // namespace troupe::node

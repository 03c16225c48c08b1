// The coordinator's data folder as a worker sees it: proved for each attempt, and watched.

#include "actors/cluster/data_watch.hpp"
#include "actors/media/in_time.hpp"
#include "nodes/trouped/node.hpp"

namespace troupe::node {

namespace {

using data_files = std::shared_ptr<ports::files>;

/// For one look; a mount that is silent for longer hangs.
constexpr std::chrono::seconds look_limit{10};

/// Whose it is, and which folder: nothing of the node, since what blocks in it may outlive that.
struct data_mount {
  std::string node;
  std::string folder;
  std::string id;

  result<data_files> prove() const {
    auto proved = host::prove_data_folder(folder, id);
    if (!proved)
      return {proved.error().code, "node " + node + " does not see the coordinator's data folder: "
                                     + proved.error().message + "; it gets work again by itself"};
    return proved;
  }
  error hung() const {
    return {errc::unavailable, "node " + node + ": the coordinator's data folder at " + folder
                                 + " has not answered for " + std::to_string(look_limit.count())
                                 + " s; look at its mount"};
  }
};

data_mount mount_of(const parts& p) {
  return {p.settings.node_name(), p.shared_data, p.data_id};
}

cluster::data_watch_config watch_settings(parts& p) {
  cluster::data_watch_config c;
  auto mount = mount_of(p);
  c.prove = [mount]() -> result<void> {
    if (auto proved = mount.prove(); !proved)
      return std::move(proved).error();
    return {};
  };
  c.tells = p.book->of<cluster::worker>("worker");
  c.every = p.settings.worker.library_check;
  c.limit = look_limit;
  c.hung = mount.hung().message;
  return c;
}

} // namespace

std::function<result<data_files>()> data_prover(const parts& p, std::function<void(const error&)> lost) {
  // A folder of one's own needs no proof.
  if (p.data_id.empty())
    return {};
  return [mount = mount_of(p), lost = std::move(lost)] {
    auto proved = work::in_time<data_files>(
      look_limit, [mount] { return mount.prove(); }, mount.hung());
    if (!proved && lost)
      lost(proved.error());
    return proved;
  };
}

std::function<void(const error&)> data_lost(parts& p, cluster::worker worker) {
  return [worker = std::move(worker), watch = p.book->of<cluster::data_watch>("data_watch")](const error& why) {
    caf::anon_send(worker, cluster::data_folder_found{why.message});
    caf::anon_send(watch, cluster::recheck_data{});
  };
}

supervision::child_spec data_watch_child(parts& p) {
  supervision::child_spec out;
  out.name = "data_watch";
  out.start = [&p](caf::event_based_actor*) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(cluster::spawn_data_watch(*p.system, watch_settings(p)));
  };
  return out;
}

} // namespace troupe::node

// What a coordinator sees to itself where its process has no worker.

#include "protocol/model/housekeeping.hpp"
#include "actors/cluster/worker.hpp"
#include "actors/media/runner.hpp"
#include "nodes/trouped/coordinator_link.hpp"
#include "nodes/trouped/node.hpp"
#include "protocol/model/software.hpp"

namespace troupe::node {

namespace {

/// Without executors and downloads: what it runs needs the database and the data folder, which are here.
std::map<std::string, mesh::runner> make_runners(parts& p, const std::shared_ptr<work::work_threads>& threads,
                                                 mesh::progress_sink sink) {
  work::workshop shop;
  shop.files = p.files;
  shop.data_folder = p.shared_data;
  shop.prove_data = data_prover(p, {});
  work::runner_config c;
  c.name = "cleanup";
  c.work = work::in_proved_data(std::move(shop), cleanup_work(p));
  c.sink = std::move(sink);
  c.threads = threads;
  return {{"scheduled_cleanup", work::spawn_runner(*p.system, std::move(c))}};
}

cluster::worker_config housekeeper_settings(parts& p) {
  cluster::worker_config c;
  c.me.node_name = p.settings.node_name();
  c.me.id = worker_id{random_id()};
  for (auto kind : housekeeping_kinds())
    c.me.kinds.emplace_back(kind);
  c.me.credit = {{"default", 1}};
  c.me.embedded = true;
  c.me.software = software_version();
  c.me.roles = p.settings.node.roles;
  c.figures = figures_of(p);
  c.min_free = p.settings.health.min_free.bytes;
  c.data_id = p.data_id;
  c.time = &p.clocks;
  auto threads = std::make_shared<work::work_threads>(1);
  c.make_runners = [&p, threads](mesh::progress_sink sink) { return make_runners(p, threads, std::move(sink)); };
  c.look_up = [&p](std::function<void(result<mesh::job_worker>)> done) { p.coordinator->find(std::move(done)); };
  return c;
}

} // namespace

supervision::child_spec housekeeping_children(parts& p) {
  supervision::supervisor_config c;
  c.name = "housekeeping";
  c.addresses = p.book;
  supervision::child_spec worker;
  // As on a node with the role: none has both.
  worker.name = "worker";
  worker.start = [&p](caf::event_based_actor*) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(cluster::spawn_worker(*p.system, housekeeper_settings(p)));
  };
  c.children.push_back(std::move(worker));
  return supervision::sub_supervisor(std::move(c));
}

} // namespace troupe::node

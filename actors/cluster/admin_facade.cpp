#include "actors/cluster/admin_facade.hpp"

#include "actors/cluster/listening_facade.hpp"

namespace troupe::cluster {

namespace {

class admin_facade final : public listening_facade {
public:
  admin_facade(caf::actor_config& config, admitted_peer peer, mesh::admin_handles behind) :
    listening_facade(config, std::move(peer), "admin_facade", behind.notifier), behind_(std::move(behind)) {
  }

protected:
  caf::message_handler handlers() override {
    depend_on(caf::actor_cast<caf::actor>(behind_.jobs));
    return job_handlers().or_else(node_handlers()).or_else(library_handlers()).or_else(event_handlers());
  }

private:
  caf::message_handler job_handlers() {
    auto& to = behind_;
    return {
      passes<mesh::submit_jobs, mesh::submitted>(to.jobs),
      passes<mesh::act_on_job, job>(to.jobs),
      passes<mesh::get_job, mesh::job_with_children>(to.jobs),
      passes<mesh::explain_job, mesh::job_explanation>(to.jobs),
      passes<mesh::get_queues, mesh::queue_list>(to.queues),
      passes<mesh::change_queue, mesh::queue_list>(to.queues),
      passes<mesh::get_workers, mesh::worker_list>(to.queues),
      passes<job_query, job_page>(to.queues),
    };
  }

  caf::message_handler node_handlers() {
    auto& to = behind_;
    return {
      passes<mesh::get_nodes, mesh::node_list>(to.nodes),
      passes<mesh::change_node, mesh::node_list>(to.nodes),
      [this](mesh::publish_events& x) { send(behind_.notifier, std::move(x)); },
      passes<mesh::get_health, health_report>(to.health),
      passes<mesh::get_cache_stats, mesh::cache_stats>(to.cache),
      passes<mesh::get_tree, mesh::tree>(to.root),
      passes<mesh::get_status, mesh::node_status>(to.node),
      passes<mesh::get_profiles, mesh::profile_list>(to.node),
      passes<mesh::get_refusals, mesh::refusal_list>(to.node),
    };
  }

  caf::message_handler library_handlers() {
    auto& to = behind_;
    return {
      passes<mesh::get_libraries, mesh::library_list>(to.librarian),
      passes<mesh::add_library, library>(to.librarian),
      passes<mesh::edit_library, library>(to.librarian),
      passes<mesh::remove_library, mesh::done>(to.librarian),
      passes<mesh::scan_library, scan>(to.librarian),
      passes<mesh::get_scans, mesh::scan_list>(to.librarian),
      passes<mesh::get_scan, scan>(to.librarian),
      passes<mesh::remove_video, mesh::done>(to.librarian),
      passes<mesh::edit_video, video_detail>(to.librarian),
      passes<mesh::scan_batch, mesh::done>(to.librarian),
      passes<video_query, video_page>(to.catalogue),
      passes<mesh::get_video, video_detail>(to.catalogue),
      passes<mesh::get_categories, mesh::category_list>(to.catalogue),
      passes<mesh::get_known_files, mesh::known_file_list>(to.catalogue),
    };
  }

  const mesh::admin_handles behind_;
};

} // namespace

result<mesh::admin_handles> open_admin_facade(caf::actor_system& system, admitted_peer peer,
                                              mesh::admin_handles behind) {
  auto made = spawn_unguessable<admin_facade>(system, std::move(peer), std::move(behind));
  if (!made)
    return std::move(made).error();
  mesh::admin_handles out;
  out.jobs = caf::actor_cast<mesh::job_client>(*made);
  out.queues = caf::actor_cast<mesh::job_admin>(*made);
  out.librarian = caf::actor_cast<mesh::librarian>(*made);
  out.catalogue = caf::actor_cast<mesh::catalogue_reader>(*made);
  out.notifier = caf::actor_cast<mesh::notifier>(*made);
  out.health = caf::actor_cast<mesh::health>(*made);
  out.cache = caf::actor_cast<mesh::cache>(*made);
  out.root = caf::actor_cast<mesh::supervisor>(*made);
  out.node = caf::actor_cast<mesh::node_info>(*made);
  out.nodes = caf::actor_cast<mesh::node_admin>(*made);
  return out;
}

} // namespace troupe::cluster

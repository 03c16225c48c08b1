#include "actors/cluster/client_facade.hpp"

namespace troupe::cluster {

client_facade::client_facade(caf::actor_config& config, admitted_peer peer, const char* name, desks behind) :
  listening_facade(config, std::move(peer), name, behind.events), behind_(std::move(behind)) {
}

caf::message_handler client_facade::handlers() {
  depend_on(caf::actor_cast<caf::actor>(behind_.jobs));
  return job_handlers()
    .or_else(node_handlers())
    .or_else(library_handlers())
    .or_else(event_handlers())
    .or_else(own_handlers());
}

caf::message_handler client_facade::job_handlers() {
  auto& to = behind_;
  return {
    passes<mesh::submit_jobs, mesh::submitted>(to.jobs),     passes<mesh::act_on_job, job>(to.jobs),
    passes<mesh::get_job, mesh::job_with_children>(to.jobs), passes<mesh::explain_job, mesh::job_explanation>(to.jobs),
    passes<mesh::get_queues, mesh::queue_list>(to.queues),   passes<mesh::change_queue, mesh::queue_list>(to.queues),
    passes<mesh::get_workers, mesh::worker_list>(to.queues), passes<job_query, job_page>(to.queues),
  };
}

caf::message_handler client_facade::node_handlers() {
  auto& to = behind_;
  return {
    passes<mesh::get_nodes, mesh::node_list>(to.nodes),      passes<mesh::change_node, mesh::node_list>(to.nodes),
    passes<mesh::get_status, mesh::node_status>(to.node),    passes<mesh::get_profiles, mesh::profile_list>(to.node),
    passes<mesh::get_refusals, mesh::refusal_list>(to.node),
  };
}

caf::message_handler client_facade::library_handlers() {
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
    passes<video_query, video_page>(to.catalogue),
    passes<mesh::get_video, video_detail>(to.catalogue),
    passes<mesh::get_categories, mesh::category_list>(to.catalogue),
  };
}

} // namespace troupe::cluster

#pragma once

// The one list of all message types. The wire carries the names: renaming a type breaks a cluster of mixed versions.
// A type that is missing here does not compile as a message (CAF_ENABLE_TYPE_ID_CHECKS).

#include <caf/make_message.hpp>
// Order matters: CAF_ERROR_CODE_ENUM needs make_message.
#include <caf/all.hpp>

#include "protocol/mesh/actors.hpp"

// clang-format off
#define TROUPE_MESSAGE_TYPES(X) \
  X(troupe::error) X(troupe::job) X(troupe::job_spec) X(troupe::job_query) X(troupe::job_page) \
  X(troupe::worker_hello) X(troupe::worker_welcome) X(troupe::assignment) X(troupe::attempt_outcome) \
  X(troupe::progress_report) X(troupe::library) X(troupe::scan) X(troupe::video_query) X(troupe::video_page) \
  X(troupe::video_detail) X(troupe::event) X(troupe::health_report) \
  X(troupe::mesh::done) X(troupe::mesh::submit_jobs) X(troupe::mesh::submitted) X(troupe::mesh::act_on_job) \
  X(troupe::mesh::get_job) X(troupe::mesh::job_with_children) X(troupe::mesh::explain_job) \
  X(troupe::mesh::job_explanation) X(troupe::mesh::get_queues) X(troupe::mesh::queue_list) \
  X(troupe::mesh::change_queue) X(troupe::mesh::get_workers) X(troupe::mesh::worker_list) \
  X(troupe::mesh::get_nodes) X(troupe::mesh::node_list) X(troupe::mesh::change_node) X(troupe::mesh::node_admin) \
  X(troupe::mesh::get_refusals) X(troupe::mesh::refusal_list) X(troupe::mesh::node_info) \
  X(troupe::mesh::renew_leases) X(troupe::mesh::leases_renewed) X(troupe::mesh::report_progress) \
  X(troupe::mesh::hand_in) X(troupe::mesh::handed_in) X(troupe::mesh::change_credit) X(troupe::mesh::leave) \
  X(troupe::mesh::assign) X(troupe::mesh::revoke) X(troupe::mesh::stop_attempt) \
  X(troupe::mesh::get_libraries) X(troupe::mesh::library_list) X(troupe::mesh::add_library) \
  X(troupe::mesh::edit_library) X(troupe::mesh::remove_library) X(troupe::mesh::scan_library) \
  X(troupe::mesh::remove_video) X(troupe::mesh::edit_video) X(troupe::mesh::get_video) X(troupe::mesh::get_scans) \
  X(troupe::mesh::scan_list) X(troupe::mesh::get_scan) X(troupe::mesh::get_categories) \
  X(troupe::mesh::category_list) X(troupe::mesh::get_known_files) X(troupe::mesh::known_file_list) \
  X(troupe::mesh::scan_batch) X(troupe::mesh::publish_events) X(troupe::mesh::event_batch) \
  X(troupe::mesh::follow_topics) X(troupe::mesh::unfollow_topics) X(troupe::mesh::catch_up) \
  X(troupe::mesh::caught_up) X(troupe::mesh::get_tree) X(troupe::mesh::tree) X(troupe::mesh::get_health) \
  X(troupe::mesh::get_cache_stats) X(troupe::mesh::cache_stats) X(troupe::mesh::node_status) \
  X(troupe::mesh::get_status) X(troupe::mesh::get_profiles) X(troupe::mesh::profile_list) X(troupe::mesh::greet) X(troupe::mesh::greeting) X(troupe::mesh::knock) X(troupe::mesh::knock_as_worker) \
  X(troupe::mesh::get_file) X(troupe::mesh::read_file) X(troupe::mesh::file_reader) X(troupe::mesh::put_file) X(troupe::mesh::file_grant) X(troupe::mesh::file_desk) \
  X(troupe::mesh::job_client) X(troupe::mesh::job_admin) X(troupe::mesh::job_worker) \
  X(troupe::mesh::worker_link) X(troupe::mesh::event_subscriber) \
  X(troupe::mesh::admin_handles) X(troupe::mesh::worker_handles) \
  X(troupe::mesh::knock_as_gateway) X(troupe::mesh::gateway_welcome) \
  X(troupe::mesh::change_offer) X(troupe::mesh::get_library_samples) X(troupe::mesh::library_sample_list) \
  X(troupe::mesh::libraries_changed) X(troupe::mesh::library_listener) X(troupe::mesh::library_samples)
// clang-format on

CAF_BEGIN_TYPE_ID_BLOCK(troupe, caf::first_custom_type_id)
#define TROUPE_ADD_TYPE_ID(T) CAF_ADD_TYPE_ID(troupe, (T))
TROUPE_MESSAGE_TYPES(TROUPE_ADD_TYPE_ID)
#undef TROUPE_ADD_TYPE_ID
CAF_END_TYPE_ID_BLOCK(troupe)

CAF_ERROR_CODE_ENUM(troupe::errc, "troupe")

namespace troupe::mesh {

/// Teaches a node's configuration every message type and how to print our errors. Call before the actor_system is made.
void register_messages(caf::actor_system_config& cfg);

/// Our error as CAF's, with everything that it holds.
caf::error to_caf(const troupe::error& err);
/// Back again. CAF's own errors become: request timeouts errc::timeout; a receiver that is down or was never there
/// errc::unavailable; anything else errc::internal. The message says what was asked.
troupe::error from_caf(const caf::error& err);

} // namespace troupe::mesh

#pragma once

// Every actor interface that other actors see, in one place. Requests across nodes always have a timeout.

#include "protocol/mesh/messages.hpp"

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

namespace troupe::mesh {

template <class... Ts>
using in = caf::replies_to<Ts...>;
template <class... Ts>
using tell = caf::reacts_to<Ts...>;

// One message a line, each with its comment.
// clang-format off

/// The dispatcher as those see it who want work done.
using job_client = caf::typed_actor<
  // Makes the jobs, or gives back those that submission_id or unique_key name; answered when committed and synced.
  in<submit_jobs>::with<submitted>,
  // Cancels, retries (a failed or cancelled job starts with its attempts unspent), promotes or removes; the new state.
  in<act_on_job>::with<job>,
  // From memory while hot, else from the history.
  in<get_job>::with<job_with_children>,
  // Why it is not running.
  in<explain_job>::with<job_explanation>>;

/// The dispatcher as an administrator sees it.
using job_admin = caf::typed_actor<
  // All queues with their settings and counts.
  in<get_queues>::with<queue_list>,
  // Pauses, resumes or limits; the new state, committed.
  in<change_queue>::with<queue_list>,
  // Connected workers with what they run.
  in<get_workers>::with<worker_list>,
  // Newest first, from a reader of the store.
  in<job_query>::with<job_page>>;

/// The dispatcher as an administrator of the cluster sees it.
using node_admin = caf::typed_actor<
  // Those that are here or went away within a day, and those with rules, by name.
  in<get_nodes>::with<node_list>,
  // Drains, quarantines, or changes slots, weight and hours, from now on; the new state, committed.
  in<change_node>::with<node_list>>;

/// A worker process as the dispatcher sees it.
using worker_link = caf::typed_actor<
  // Starts these attempts. Never more than the credit, or what an administrator said instead (node_rules::slots).
  tell<assign>,
  // Stops these attempts; nothing is handed in for them.
  tell<revoke>>;

/// The dispatcher as workers see it.
using job_worker = caf::typed_actor<
  // Joins, or comes back. Refused with errc::protocol for another version.
  in<worker_hello, worker_link>::with<worker_welcome>,
  // Keeps the leases; the answer names those that are lost.
  in<renew_leases>::with<leases_renewed>,
  // At most 10 a second a job; dropped when the token is stale.
  tell<report_progress>,
  // Answered when committed.
  in<hand_in>::with<handed_in>,
  // More or fewer slots from now on.
  tell<change_credit>,
  // Other capabilities and problems from now on.
  tell<change_offer>,
  // Graceful end: what it still holds is released and burns no attempt.
  in<leave>::with<done>>;

/// All four: what the dispatcher is spawned as.
using dispatcher = job_client::extend_with<job_admin>::extend_with<node_admin>::extend_with<job_worker>;

/// One kind of work on a worker.
using runner = caf::typed_actor<
  // Runs one attempt to its end, whatever that is. Never fails as a request: problems are in the outcome.
  in<assignment>::with<attempt_outcome>,
  // Ends it soon, with outcome cancelled and nothing left behind.
  tell<stop_attempt>>;

/// Where a runner's progress goes: the worker it belongs to.
using progress_sink = caf::typed_actor<tell<progress_report>>;

/// The catalogue: reads, edits and scans.
using librarian = caf::typed_actor<
  in<get_libraries>::with<library_list>,
  in<add_library>::with<library>,
  in<edit_library>::with<library>,
  // Its rows only: no file of the folder is touched.
  in<remove_library>::with<done>,
  // Submits a scan job; an unfinished scan of the library is given back instead.
  in<scan_library>::with<scan>,
  // As they are now: an unfinished one with counters that are not written yet.
  in<get_scans>::with<scan_list>,
  in<get_scan>::with<scan>,
  in<remove_video>::with<done>,
  in<edit_video>::with<video_detail>,
  // From a scanner: committed under the fence of its token, then ingest jobs are submitted.
  in<scan_batch>::with<done>>;

/// Says where a gateway reads files that its node has not mounted.
using file_reader = caf::typed_actor<
  // errc::not_found without the file.
  in<read_file>::with<file_grant>>;

/// Says where an attempt reads and writes files that its node has not mounted.
using file_desk = file_reader::extend<
  // errc::stale_lease for an attempt that is not the worker's any more; errc::not_found without the file.
  in<get_file>::with<file_grant>,
  // errc::forbidden for a name that is not the attempt's own.
  in<put_file>::with<file_grant>>;

/// Reads of the catalogue, on a thread and a connection of its own.
using catalogue_reader = caf::typed_actor<
  in<video_query>::with<video_page>,
  in<get_video>::with<video_detail>,
  in<get_categories>::with<category_list>,
  in<get_known_files>::with<known_file_list>>;

/// Hears when libraries were added, changed, removed or scanned.
using library_listener = caf::typed_actor<tell<libraries_changed>>;

/// What workers tell libraries by, on a thread of its own.
using library_samples = caf::typed_actor<
  // Of every library, other files each time.
  in<get_library_samples>::with<library_sample_list>,
  // From now on until its end.
  tell<library_listener>,
  // From the librarian: passed on, and what was sampled before is forgotten.
  tell<libraries_changed>>;

/// Receives live events.
using event_subscriber = caf::typed_actor<tell<event_batch>>;

/// The notifier as those see it who listen.
using event_source = caf::typed_actor<
  // Live events of these topics go to the subscriber from now on; ends with the subscriber's life.
  in<follow_topics, event_subscriber>::with<done>,
  tell<unfollow_topics, event_subscriber>,
  // What was missed since a position.
  in<catch_up>::with<caught_up>>;

/// Topics → subscribers.
using notifier = event_source::extend<
  // Numbers and spreads them.
  tell<publish_events>>;

/// Answers from the last round, never by running a check.
using health = caf::typed_actor<in<get_health>::with<health_report>>;

/// Statistics of a node's cache (its use is local: actors/cache).
using cache = caf::typed_actor<in<get_cache_stats>::with<cache_stats>>;

/// Any supervisor: its subtree, for people.
using supervisor = caf::typed_actor<in<get_tree>::with<tree>>;

/// A node itself.
using node_info = caf::typed_actor<
  in<get_status>::with<node_status>,
  // As its configuration says.
  in<get_profiles>::with<profile_list>,
  // Who was not let in lately, newest first.
  in<get_refusals>::with<refusal_list>>;

// clang-format on

/// The handles an administrator works with.
struct admin_handles {
  job_client jobs;
  job_admin queues;
  mesh::librarian librarian;
  catalogue_reader catalogue;
  mesh::notifier notifier;
  mesh::health health;
  mesh::cache cache;
  supervisor root;
  node_info node;
  node_admin nodes;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, admin_handles& x) {
  return f(x.jobs, x.queues, x.librarian, x.catalogue, x.notifier, x.health, x.cache, x.root, x.node, x.nodes);
}

struct worker_handles {
  job_worker jobs;
  mesh::librarian librarian;
  catalogue_reader catalogue;
  file_desk files;
  library_samples samples;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, worker_handles& x) {
  return f(x.jobs, x.librarian, x.catalogue, x.files, x.samples);
}

/// What a gateway on another node asks on behalf of its clients. Its cache, health and tree are its own.
struct gateway_handles {
  job_client jobs;
  job_admin queues;
  mesh::librarian librarian;
  catalogue_reader catalogue;
  event_source events;
  node_admin nodes;
  node_info node;
  file_reader files;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, gateway_handles& x) {
  return f(x.jobs, x.queues, x.librarian, x.catalogue, x.events, x.nodes, x.node, x.files);
}

/// All that a gateway has to know of its coordinator.
struct gateway_welcome {
  gateway_handles handles;
  /// As the coordinator sees it: paths in jobs and in the catalogue begin with it.
  std::string data_folder;
  /// Content of `<data_folder>/node.id`: a gateway proves with it that it sees the same folder.
  std::string data_id;
  /// That a transcode may name.
  std::vector<media_profile> profiles;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, gateway_welcome& x) {
  return f(x.handles, x.data_folder, x.data_id, x.profiles);
}

struct knock_as_worker {
  mesh::knock knock;
};
TROUPE_INSPECT(knock_as_worker, x.knock)

struct knock_as_gateway {
  mesh::knock knock;
};
TROUPE_INSPECT(knock_as_gateway, x.knock)

// clang-format off
/// The only actor that a node publishes. It hands out what the peer's role may use, and nothing else.
using door = caf::typed_actor<
  // Who the door is, and what to sign. Refused with errc::protocol for another version.
  in<greet>::with<greeting>,
  // Refused with errc::forbidden for who is not what it says.
  in<knock_as_worker>::with<worker_handles>,
  in<knock_as_gateway>::with<gateway_welcome>,
  in<knock>::with<admin_handles>>;

// clang-format on

} // namespace troupe::mesh

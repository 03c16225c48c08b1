#pragma once

// Requests between actors that the model does not have a struct for already. Every one is registered in registry.hpp.

#include "protocol/model/catalogue.hpp"
#include "protocol/model/event.hpp"
#include "protocol/model/health.hpp"
#include "protocol/model/job.hpp"
#include "protocol/model/media.hpp"
#include "protocol/model/node.hpp"
#include "protocol/model/result.hpp"
#include "protocol/model/worker.hpp"

#define TROUPE_INSPECT(type, ...)                                                                                      \
  template <class Inspector>                                                                                           \
  typename Inspector::result_type inspect(Inspector& f, type& x) {                                                     \
    (void)x;                                                                                                           \
    return f(__VA_ARGS__);                                                                                             \
  }

namespace troupe::mesh {

/// "Done", for requests that answer nothing else.
struct done {
  uint8_t unused = 0;
};
TROUPE_INSPECT(done, x.unused)

// -- jobs -------------------------------------------------------------------------------------------------------------

/// All or none: one unit of work, in one commit.
struct submit_jobs {
  std::vector<job_spec> specs;
};
TROUPE_INSPECT(submit_jobs, x.specs)

struct submitted {
  std::vector<submit_receipt> receipts;
};
TROUPE_INSPECT(submitted, x.receipts)

enum class job_action : uint8_t { cancel, retry, promote, remove };

struct act_on_job {
  job_id id;
  job_action action = job_action::cancel;
};
TROUPE_INSPECT(act_on_job, x.id, x.action)

struct get_job {
  job_id id;
};
TROUPE_INSPECT(get_job, x.id)

struct job_with_children {
  job item;
  std::vector<job_id> children;
};
TROUPE_INSPECT(job_with_children, x.item, x.children)

struct explain_job {
  job_id id;
};
TROUPE_INSPECT(explain_job, x.id)

struct job_explanation {
  job_state state = job_state::queued;
  std::vector<std::string> reasons;
};
TROUPE_INSPECT(job_explanation, x.state, x.reasons)

struct get_queues {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_queues, x.unused)

struct queue_list {
  std::vector<queue_stats> queues;
};
TROUPE_INSPECT(queue_list, x.queues)

/// Negative: leave as it is.
struct change_queue {
  std::string name;
  int8_t paused = -1;
  int64_t max_running = -1;
  int64_t max_depth = -1;
};
TROUPE_INSPECT(change_queue, x.name, x.paused, x.max_running, x.max_depth)

struct get_workers {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_workers, x.unused)

struct worker_list {
  std::vector<worker_info> workers;
};
TROUPE_INSPECT(worker_list, x.workers)

struct get_nodes {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_nodes, x.unused)

struct node_list {
  std::vector<node_details> nodes;
};
TROUPE_INSPECT(node_list, x.nodes)

enum class node_action : uint8_t {
  /// No new work; what runs goes on.
  drain,
  /// Active again, also from a quarantine.
  undrain,
  /// No new work until somebody undrains it.
  quarantine,
  /// Only what is named besides.
  set
};

/// By name, also of a node that is away. What is not named stays as it is.
struct change_node {
  std::string name;
  node_action action = node_action::set;
  /// For drain and quarantine: shown to people.
  std::string reason;
  /// Queue → slots of each of its workers; negative: as the worker offers.
  std::map<std::string, int64_t> slots;
  /// Hundredths; negative: as it is.
  int64_t weight = -1;
  /// The hours are set, to none if there are none.
  bool set_hours = false;
  std::vector<work_hours> hours;
};
TROUPE_INSPECT(change_node, x.name, x.action, x.reason, x.slots, x.weight, x.set_hours, x.hours)

struct renew_leases {
  worker_id worker;
  std::vector<lease_token> held;
};
TROUPE_INSPECT(renew_leases, x.worker, x.held)

struct leases_renewed {
  /// No longer the worker's, or cancelled: it stops these.
  std::vector<lease_token> revoked;
  /// False: the dispatcher does not know this worker (it restarted, or gave it up): say hello again.
  bool known = true;
};
TROUPE_INSPECT(leases_renewed, x.revoked, x.known)

struct report_progress {
  worker_id worker;
  std::vector<progress_report> reports;
};
TROUPE_INSPECT(report_progress, x.worker, x.reports)

/// Many at a time; each is judged by its own token.
struct hand_in {
  worker_id worker;
  std::vector<attempt_outcome> outcomes;
};
TROUPE_INSPECT(hand_in, x.worker, x.outcomes)

struct handed_in {
  /// Outcomes that changed nothing, because their token is no longer the current one: the files are the worker's to
  /// remove.
  std::vector<lease_token> stale;
};
TROUPE_INSPECT(handed_in, x.stale)

struct change_credit {
  worker_id worker;
  std::vector<queue_slots> credit;
};
TROUPE_INSPECT(change_credit, x.worker, x.credit)

/// What a worker offers beside its kinds (all of it, as in worker_hello), and what is wrong with its node, a sentence
/// each.
struct change_offer {
  worker_id worker;
  std::vector<std::string> capabilities;
  std::vector<std::string> problems;
};
TROUPE_INSPECT(change_offer, x.worker, x.capabilities, x.problems)

struct leave {
  worker_id worker;
};
TROUPE_INSPECT(leave, x.worker)

struct assign {
  std::vector<assignment> jobs;
};
TROUPE_INSPECT(assign, x.jobs)

/// Stop these attempts and remove what they made; nothing is handed in for them.
struct revoke {
  std::vector<lease_token> leases;
};
TROUPE_INSPECT(revoke, x.leases)

/// To one runner of a worker.
struct stop_attempt {
  lease_token token;
};
TROUPE_INSPECT(stop_attempt, x.token)

// -- files of other nodes ---------------------------------------------------------------------------------------------

/// A file that an attempt reads. `library` none: of the data folder. `path`: relative to the library's root or the data
/// folder.
struct get_file {
  lease_token token;
  worker_id worker;
  library_id library;
  std::string path;
};
TROUPE_INSPECT(get_file, x.token, x.worker, x.library, x.path)

/// A file, or a folder of files, that an attempt has made, under its name relative to the data folder.
struct put_file {
  lease_token token;
  worker_id worker;
  std::string path;
  bool folder = false;
};
TROUPE_INSPECT(put_file, x.token, x.worker, x.path, x.folder)

/// Where it is read or written: https://host:port/files/<ticket>, without certificates http.
struct file_grant {
  /// Empty: the coordinator's, as the worker knows it.
  std::string host;
  uint16_t port = 0;
  std::string ticket;
  /// The node's name, for people.
  std::string node;
  /// Of a file to read.
  file_version version;
};
TROUPE_INSPECT(file_grant, x.host, x.port, x.ticket, x.node, x.version)

// -- catalogue --------------------------------------------------------------------------------------------------------

struct get_libraries {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_libraries, x.unused)

struct library_list {
  std::vector<library> libraries;
};
TROUPE_INSPECT(library_list, x.libraries)

struct add_library {
  library what;
};
TROUPE_INSPECT(add_library, x.what)

struct edit_library {
  library what;
};
TROUPE_INSPECT(edit_library, x.what)

struct remove_library {
  library_id id;
};
TROUPE_INSPECT(remove_library, x.id)

struct scan_library {
  library_id id;
  std::string request_id;
  std::string traceparent;
};
TROUPE_INSPECT(scan_library, x.id, x.request_id, x.traceparent)

struct remove_video {
  video_id id;
  bool delete_file = false;
};
TROUPE_INSPECT(remove_video, x.id, x.delete_file)

/// Empty: leave as it is.
struct edit_video {
  video_id id;
  std::string title;
  std::string category;
};
TROUPE_INSPECT(edit_video, x.id, x.title, x.category)

struct get_video {
  video_id id;
};
TROUPE_INSPECT(get_video, x.id)

struct get_scans {
  uint32_t limit = 20;
};
TROUPE_INSPECT(get_scans, x.limit)

struct scan_list {
  std::vector<scan> scans;
};
TROUPE_INSPECT(scan_list, x.scans)

struct get_scan {
  scan_id id;
};
TROUPE_INSPECT(get_scan, x.id)

struct get_categories {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_categories, x.unused)

struct category_list {
  std::vector<category_count> categories;
};
TROUPE_INSPECT(category_list, x.categories)

/// A scanner asks what is known, a page at a time in byte order of the path.
struct get_known_files {
  library_id library;
  std::string after;
  uint32_t limit = 5000;
};
TROUPE_INSPECT(get_known_files, x.library, x.after, x.limit)

struct known_file_list {
  std::vector<known_file> files;
};
TROUPE_INSPECT(known_file_list, x.files)

/// A worker asks what it can tell the libraries by. An answer that is older than `max_age` is not given.
struct get_library_samples {
  milliseconds max_age{30'000};
};
TROUPE_INSPECT(get_library_samples, x.max_age)

/// A piece of a file of a library.
struct library_sample {
  /// Relative to the root.
  std::string path;
  uint64_t size = 0;
  uint64_t offset = 0;
  /// At most 256 from that offset; empty: the coordinator can't read the file itself, and has its size from the
  /// catalogue.
  std::string bytes;
};
TROUPE_INSPECT(library_sample, x.path, x.size, x.offset, x.bytes)

struct sampled_library {
  library_id id;
  std::string name;
  /// As the coordinator sees it.
  std::string root;
  library_origin origin = library_origin::folder;
  /// Files that the catalogue believes to be there.
  uint64_t files = 0;
  std::vector<library_sample> samples;
};
TROUPE_INSPECT(sampled_library, x.id, x.name, x.root, x.origin, x.files, x.samples)

struct library_sample_list {
  std::vector<sampled_library> libraries;
};
TROUPE_INSPECT(library_sample_list, x.libraries)

/// A library was added, changed, removed, or scanned.
struct libraries_changed {
  uint8_t unused = 0;
};
TROUPE_INSPECT(libraries_changed, x.unused)

/// What a scanner found since its last batch. Answered when committed; the jobs for it are submitted by then.
struct scan_batch {
  lease_token token;
  scan_id scan;
  library_id library;
  /// New or changed files (id none for new ones).
  std::vector<known_file> changed;
  std::vector<video_id> missing;
  scan_status phase = scan_status::scanning;
  /// Absolute values of the scanner's own counters.
  std::map<std::string, int64_t> counters;
  std::vector<std::string> problems;
};
TROUPE_INSPECT(scan_batch, x.token, x.scan, x.library, x.changed, x.missing, x.phase, x.counters, x.problems)

// -- events -----------------------------------------------------------------------------------------------------------

struct publish_events {
  /// epoch, seq and time are filled in by the notifier.
  std::vector<event> events;
};
TROUPE_INSPECT(publish_events, x.events)

struct event_batch {
  std::vector<event> events;
};
TROUPE_INSPECT(event_batch, x.events)

struct follow_topics {
  std::vector<std::string> topics;
};
TROUPE_INSPECT(follow_topics, x.topics)

struct unfollow_topics {
  std::vector<std::string> topics;
};
TROUPE_INSPECT(unfollow_topics, x.topics)

struct catch_up {
  event_position since;
};
TROUPE_INSPECT(catch_up, x.since)

struct caught_up {
  std::vector<event> events;
  event_position position;
  /// True: what was missed can't be told (another epoch, or too long ago): send a snapshot.
  bool gap = false;
};
TROUPE_INSPECT(caught_up, x.events, x.position, x.gap)

// -- node -------------------------------------------------------------------------------------------------------------

struct get_tree {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_tree, x.unused)

struct tree {
  std::vector<tree_node> nodes;
};
TROUPE_INSPECT(tree, x.nodes)

struct get_health {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_health, x.unused)

struct get_cache_stats {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_cache_stats, x.unused)

struct cache_stats {
  std::vector<cache_layer_stats> layers;
};
TROUPE_INSPECT(cache_stats, x.layers)

/// One line for `troupe status`.
struct node_status {
  std::string node_name;
  std::string version;
  std::vector<std::string> roles;
  std::string data_folder;
  std::string api_url;
  std::string database;
  uint64_t term = 0;
  milliseconds uptime{0};
  uint32_t pid = 0;
};
TROUPE_INSPECT(node_status, x.node_name, x.version, x.roles, x.data_folder, x.api_url, x.database, x.term, x.uptime,
               x.pid)

struct get_status {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_status, x.unused)

struct get_refusals {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_refusals, x.unused)

struct refusal_list {
  std::vector<refused_peer> peers;
};
TROUPE_INSPECT(refusal_list, x.peers)

struct get_profiles {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_profiles, x.unused)

/// All that a transcode of this coordinator may name.
struct profile_list {
  std::vector<media_profile> profiles;
};
TROUPE_INSPECT(profile_list, x.profiles)

/// First message on a connection. `challenge`: random, for the door to sign; empty where there are no certificates.
struct greet {
  uint32_t protocol_version = worker_protocol_version;
  std::string challenge;
};
TROUPE_INSPECT(greet, x.protocol_version, x.challenge)

/// Who the door is (identity::prove, with the role that is asked for as the claim), and what the caller has to sign.
/// Without certificates all of it is empty.
struct greeting {
  std::string certificate;
  std::string signature;
  std::string challenge;
};
TROUPE_INSPECT(greeting, x.certificate, x.signature, x.challenge)

/// Second message. `role`: "worker", "gateway" or "admin". `challenge`: the door's, which serves once.
struct knock {
  uint32_t protocol_version = worker_protocol_version;
  std::string role;
  std::string name;
  std::string challenge;
  std::string certificate;
  std::string signature;
};
TROUPE_INSPECT(knock, x.protocol_version, x.role, x.name, x.challenge, x.certificate, x.signature)

} // namespace troupe::mesh

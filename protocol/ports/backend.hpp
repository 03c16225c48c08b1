#pragma once

// What the network side asks of the mesh: implemented by actors/gateway, called by net/. Any thread may call. Each
// completion is called exactly once, on a thread of the backend's, within the backend's own deadline (errc::timeout
// after it): it may only post to the caller's strand.

#include "protocol/model/catalogue.hpp"
#include "protocol/model/event.hpp"
#include "protocol/model/health.hpp"
#include "protocol/model/job.hpp"
#include "protocol/model/media.hpp"
#include "protocol/model/node.hpp"
#include "protocol/model/result.hpp"
#include "protocol/model/worker.hpp"
#include "protocol/ports/far_file.hpp"
#include "protocol/ports/fd.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace troupe::ports {

template <class T>
using completion = std::function<void(result<T>)>;

/// Goes with every request into logs and into the jobs it makes.
struct request_context {
  std::string request_id;
  /// W3C trace context of the request (model/trace.hpp).
  std::string traceparent;
  std::string owner;
  /// Idempotency-Key, prefixed with the route: becomes the submission id.
  std::string submission_id;
};

/// An answer that is encoded once and shared by all who ask.
struct rendered {
  /// JSON with "cached":true.
  std::string cached_body;
  /// The same with "cached":false, for the one whose question filled the cache.
  std::string fresh_body;
  /// With its quotes; weak, because it stands for both bodies.
  std::string etag;
};
using rendered_ptr = std::shared_ptr<const rendered>;

struct job_view {
  job item;
  std::vector<job_id> children;
};

/// Why a job is not running (or that it is), most important first; a sentence each that says what would change it.
struct explanation {
  job_state state = job_state::queued;
  std::vector<std::string> reasons;
};

/// A file that an answer sends.
struct wanted_file {
  /// None: the data folder.
  library_id library;
  /// Of its library, as the coordinator sees it; empty: the data folder.
  std::string root;
  /// Below it.
  std::string path;
  /// As the catalogue knows it; nothing where a name means one content.
  std::optional<file_version> version;
};

/// Where it is.
struct located_file {
  /// Of a file of this node: open for reading, and which content it is. nullptr when it is on another one.
  std::shared_ptr<const unique_fd> here{};
  file_version version{};
  std::shared_ptr<far_file> far{};
};

/// A file that the gateway has written and synced below the uploads folder.
struct finished_upload {
  /// Relative to the uploads folder.
  std::string path;
  std::string original_name;
  std::string category;
  uint64_t size = 0;
};

struct queue_change {
  std::string name;
  std::optional<bool> paused;
  std::optional<uint32_t> max_running;
  std::optional<uint32_t> max_depth;
};

/// What is not named stays as it is.
struct node_change {
  std::string name;
  /// active: from now on, whatever kept it from work. quarantined: until somebody makes it active.
  std::optional<node_state> state;
  /// For a change of state: shown to people.
  std::string reason;
  /// Queue → slots of each of its workers; negative: as the worker offers.
  std::map<std::string, int64_t> slots;
  /// Hundredths.
  std::optional<uint32_t> weight;
  /// Empty: always.
  std::optional<std::vector<work_hours>> hours;
};

/// Bytes that this node's file server has moved, since its start.
struct file_traffic {
  /// By the other node's name; "" where there are no certificates.
  std::map<std::string, uint64_t> sent;
  std::map<std::string, uint64_t> received;
};

/// The executor processes of this node's worker.
struct executor_figures {
  uint64_t processes = 0;
  uint64_t busy = 0;
  /// Operations that wait for one.
  uint64_t waiting = 0;
  /// Since the pool began.
  uint64_t started = 0;
  uint64_t crashes = 0;
};

struct replay {
  /// What the client missed, in order; or one event of type "snapshot" when that can't be told any more; empty when
  /// nothing was missed or nothing is known of the topic.
  std::vector<event> events;
  /// Live events after this one follow.
  event_position position;
};

class backend {
public:
  virtual ~backend() = default;

  // -- jobs
  virtual void submit(job_spec spec, request_context ctx, completion<submit_receipt> done) = 0;
  virtual void find_job(job_id id, completion<job_view> done) = 0;
  virtual void list_jobs(job_query query, completion<job_page> done) = 0;
  virtual void explain(job_id id, completion<explanation> done) = 0;
  virtual void cancel(job_id id, completion<job> done) = 0;
  virtual void retry(job_id id, completion<job> done) = 0;
  /// A delayed or queued job runs next: priority 1, no delay.
  virtual void promote(job_id id, completion<job> done) = 0;
  /// Terminal jobs only (errc::conflict otherwise).
  virtual void remove_job(job_id id, completion<void> done) = 0;
  virtual void queues(completion<std::vector<queue_stats>> done) = 0;
  virtual void change_queue(queue_change change, completion<queue_stats> done) = 0;
  virtual void workers(completion<std::vector<worker_info>> done) = 0;
  // -- nodes
  /// Those that are here or went away within a day, and those with rules, by name.
  virtual void nodes(completion<std::vector<node_details>> done) = 0;
  /// From now on; the node as it is then. errc::not_found for one that is not among them.
  virtual void change_node(node_change change, completion<node_details> done) = 0;
  /// Who was not let in lately, newest first.
  virtual void refused_peers(completion<std::vector<refused_peer>> done) = 0;
  /// Nothing on a node that serves no files. Never waits.
  virtual std::optional<file_traffic> traffic() noexcept = 0;
  /// errc::not_found on a node without a worker.
  virtual void executors(completion<executor_figures> done) = 0;

  // -- catalogue
  /// The profiles that a transcode may name, as the coordinator's configuration has them.
  virtual std::shared_ptr<const std::vector<media_profile>> profiles() const noexcept = 0;
  /// The page if L1 has it, stale or not (a refresh is started behind when stale); nullptr otherwise. Never waits.
  virtual rendered_ptr cached_videos(const video_query& query) noexcept = 0;
  virtual void list_videos(video_query query, completion<rendered_ptr> done) = 0;
  virtual void find_video(video_id id, completion<video_detail> done) = 0;
  /// `delete_file`: the original too, where a person asked for it; files of uploads and downloads always go.
  virtual void remove_video(video_id id, bool delete_file, request_context ctx, completion<void> done) = 0;
  virtual void edit_video(video_id id, std::optional<std::string> title, std::optional<std::string> category,
                          completion<video_detail> done) = 0;
  virtual void categories(completion<rendered_ptr> done) = 0;
  virtual void libraries(completion<std::vector<library>> done) = 0;
  /// errc::validation for a root that is not an absolute path of a readable folder, errc::conflict for one that lies
  /// within another library or the data folder, or holds one.
  virtual void add_library(library what, completion<library> done) = 0;
  virtual void edit_library(library what, completion<library> done) = 0;
  virtual void remove_library(library_id id, completion<void> done) = 0;
  virtual void scan_library(library_id id, request_context ctx, completion<scan> done) = 0;
  virtual void scans(completion<std::vector<scan>> done) = 0;
  virtual void find_scan(scan_id id, completion<scan> done) = 0;

  // -- files
  /// Where a file can be read. Does not block; `done` is called on any thread, which may block when the file is on this
  /// node. errc::not_found; errc::unavailable: it is on another node, and nobody says at present where, or its disk
  /// does not answer.
  virtual void find_file(wanted_file what, completion<located_file> done) = 0;

  // -- uploads
  /// Where the gateway writes uploads: "<data>/uploads", on the same file system as the rest of the data folder.
  /// Blocks. errc::unavailable where the coordinator's data folder is not on this node.
  virtual result<std::string> uploads_folder() = 0;
  virtual void register_upload(finished_upload upload, request_context ctx, completion<submit_receipt> done) = 0;

  // -- state
  /// The coordinator can't be reached at the moment: reads are answered from the cache where it has the answer, and
  /// anything else at once with errc::unavailable. Never waits.
  virtual bool coordinator_away() noexcept = 0;
  /// The last round's answer; never waits.
  virtual std::shared_ptr<const health_report> health() noexcept = 0;
  virtual std::vector<cache_layer_stats> cache_stats() noexcept = 0;
  /// False while starting or draining.
  virtual bool ready() noexcept = 0;
  virtual void tree(completion<std::vector<tree_node>> done) = 0;

  // -- live events
  /// Called with each batch of live events of the followed topics, on a thread of the backend's. Set once, before
  /// the first follow.
  virtual void on_events(std::function<void(std::shared_ptr<const std::vector<event>>)> sink) = 0;
  /// Live events of this topic come from now on. Counted: as many unfollows end it.
  virtual void follow(const std::string& topic) = 0;
  virtual void unfollow(const std::string& topic) = 0;
  /// Call after follow; events with a sequence number up to `position` have been told by it.
  virtual void catch_up(event_position since, completion<replay> done) = 0;
};

} // namespace troupe::ports

#pragma once

// The rows of each table as SOCI binds them. Each lists its columns once, as (name, member) pairs; the SQL, the
// bindings and the text encoding come from that list (statements.hpp). Whole numbers are long long, times milliseconds,
// ids their text, lists JSON, and '' stands for an empty list or no id.

#include "protocol/ports/store.hpp"

#include <string>

namespace troupe::store {

/// A column that holds bytes, not text.
struct bytes {
  std::string value;
};

using integer = long long;

struct job_row {
  std::string id, kind, queue, payload, owner, submission_id, unique_key, parent, depends_on, needs, request_id,
    traceparent, prefers;
  integer on_dependency_failure = 0, not_before = 0, max_attempts = 0, first_delay_ms = 0, max_delay_ms = 0,
          exponential = 0, created_at = 0, cost_cores = 0, cost_memory_mib = 0, cost_gpu_sessions = 0;
  double work = 0;
  std::string state, progress, result, last_error, lease_worker, worker_name, attempts, continuation;
  integer priority = 0, attempt = 0, failures = 0, interruptions = 0, started_at = 0, finished_at = 0, run_at = 0,
          lease_term = 0, lease_embedded = 0, cancel_requested = 0, archived = 0;

  template <class F>
  void key(F&& f) {
    f("id", id);
  }
  /// Written once, at submission; an update leaves them alone.
  template <class F>
  void fixed(F&& f) {
    f("kind", kind), f("queue", queue), f("payload", payload), f("owner", owner), f("submission_id", submission_id);
    f("unique_key", unique_key), f("parent", parent), f("depends_on", depends_on);
    f("on_dependency_failure", on_dependency_failure), f("not_before", not_before), f("max_attempts", max_attempts);
    f("first_delay_ms", first_delay_ms), f("max_delay_ms", max_delay_ms), f("exponential", exponential);
    f("needs", needs), f("request_id", request_id), f("traceparent", traceparent);
    f("created_at", created_at), f("prefers", prefers), f("cost_cores", cost_cores);
    f("cost_memory_mib", cost_memory_mib), f("cost_gpu_sessions", cost_gpu_sessions), f("work", work);
  }
  template <class F>
  void changing(F&& f) {
    f("priority", priority), f("state", state), f("attempt", attempt), f("failures", failures);
    f("interruptions", interruptions), f("progress", progress), f("result", result), f("last_error", last_error);
    f("started_at", started_at), f("finished_at", finished_at), f("run_at", run_at), f("lease_term", lease_term);
    f("lease_worker", lease_worker), f("worker_name", worker_name), f("lease_embedded", lease_embedded);
    f("cancel_requested", cancel_requested), f("attempts", attempts), f("archived", archived);
    f("continuation", continuation);
  }
};

/// Fills the columns that an update writes, and the key.
void set_changing(job_row& row, const job& x);
/// Fills all columns.
void set_all(job_row& row, const job& x);
/// Throws `failure` (errc::io) when a column does not hold what was written.
job to_job(job_row& row);

struct queue_row {
  std::string name;
  integer paused = 0, max_running = 0, max_depth = 0;

  template <class F>
  void key(F&& f) {
    f("name", name);
  }
  template <class F>
  void fixed(F&&) {
  }
  template <class F>
  void changing(F&& f) {
    f("paused", paused), f("max_running", max_running), f("max_depth", max_depth);
  }
};

void set_all(queue_row& row, const queue_settings& x);
queue_settings to_queue(const queue_row& row);

struct node_row {
  std::string name, state, reason, evidence, slots, hours;
  integer since = 0, by_score = 0, weight = 0;

  template <class F>
  void key(F&& f) {
    f("name", name);
  }
  template <class F>
  void fixed(F&&) {
  }
  template <class F>
  void changing(F&& f) {
    f("state", state), f("reason", reason), f("since", since), f("by_score", by_score), f("evidence", evidence);
    f("slots", slots), f("weight", weight), f("hours", hours);
  }
};

void set_all(node_row& row, const node_rules& x);
/// Throws `failure` (errc::io) when a column does not hold what was written.
node_rules to_node(const node_row& row);

struct library_row {
  std::string id, name, category, root;
  integer origin = 0, created_at = 0, updated_at = 0;

  template <class F>
  void key(F&& f) {
    f("id", id);
  }
  template <class F>
  void fixed(F&&) {
  }
  template <class F>
  void changing(F&& f) {
    f("name", name), f("category", category), f("root", root), f("origin", origin), f("created_at", created_at);
    f("updated_at", updated_at);
  }
};

void set_all(library_row& row, const library& x);
library to_library(const library_row& row);

struct video_row {
  std::string id, library, category, title, title_folded, state, problem, video_codec, audio_codec, container, media,
    thumbnails;
  bytes path;
  integer size = 0, mtime_ns = 0, inode = 0, width = 0, height = 0, created_at = 0, updated_at = 0;
  double duration = 0;

  template <class F>
  void key(F&& f) {
    f("id", id);
  }
  template <class F>
  void fixed(F&& f) {
    f("created_at", created_at);
  }
  /// Where the file is and which content it has: what a scan finds.
  template <class F>
  void place(F&& f) {
    f("library", library), f("path", path), f("category", category);
  }
  template <class F>
  void version(F&& f) {
    f("size", size), f("mtime_ns", mtime_ns), f("inode", inode), f("state", state), f("updated_at", updated_at);
  }
  /// What ingest found out.
  template <class F>
  void facts(F&& f) {
    f("title", title), f("title_folded", title_folded), f("problem", problem), f("duration", duration);
    f("width", width), f("height", height), f("video_codec", video_codec), f("audio_codec", audio_codec);
    f("container", container), f("media", media), f("thumbnails", thumbnails);
  }
  template <class F>
  void changing(F&& f) {
    place(f), version(f), facts(f);
  }
};

void set_all(video_row& row, const video& x);
video to_video(video_row& row);

struct rendition_row {
  std::string id, video, profile, file, video_codec, audio_codec, container, made_by;
  integer source_size = 0, source_mtime_ns = 0, source_inode = 0, size = 0, width = 0, height = 0, created_at = 0;
  double duration = 0;

  template <class F>
  void key(F&& f) {
    f("id", id);
  }
  template <class F>
  void fixed(F&& f) {
    f("video", video), f("profile", profile), f("file", file), f("size", size), f("duration", duration);
    f("width", width), f("height", height), f("video_codec", video_codec), f("audio_codec", audio_codec);
    f("container", container), f("made_by", made_by), f("created_at", created_at);
    version(f);
  }
  /// The content that it is of.
  template <class F>
  void version(F&& f) {
    f("source_size", source_size), f("source_mtime_ns", source_mtime_ns), f("source_inode", source_inode);
  }
  template <class F>
  void changing(F&&) {
  }
};

void set_all(rendition_row& row, const rendition& x);
rendition to_rendition(rendition_row& row);

struct storyboard_row {
  std::string video, folder, made_by;
  integer size = 0, mtime_ns = 0, inode = 0, tile_width = 0, tile_height = 0, tile_columns = 0, tile_rows = 0,
          tiles = 0, interval_ms = 0, asked_width = 0, asked_interval_ms = 0, has_bif = 0, jellyfin = 0, bytes = 0,
          created_at = 0;

  template <class F>
  void key(F&& f) {
    f("video", video);
  }
  template <class F>
  void fixed(F&&) {
  }
  /// The content that it is of.
  template <class F>
  void version(F&& f) {
    f("size", size), f("mtime_ns", mtime_ns), f("inode", inode);
  }
  template <class F>
  void changing(F&& f) {
    version(f), f("folder", folder), f("tile_width", tile_width), f("tile_height", tile_height);
    f("tile_columns", tile_columns), f("tile_rows", tile_rows), f("tiles", tiles), f("interval_ms", interval_ms);
    f("asked_width", asked_width), f("asked_interval_ms", asked_interval_ms);
    f("has_bif", has_bif), f("jellyfin", jellyfin), f("bytes", bytes), f("made_by", made_by);
    f("created_at", created_at);
  }
};

void set_all(storyboard_row& row, const storyboard& x);
storyboard to_storyboard(storyboard_row& row);

struct scan_row {
  std::string id, library, job, status, counters, problems;
  integer started_at = 0, discovering_ended_at = 0, scanning_ended_at = 0, caching_ended_at = 0, enriching_ended_at = 0,
          finished_at = 0;

  template <class F>
  void key(F&& f) {
    f("id", id);
  }
  template <class F>
  void fixed(F&&) {
  }
  template <class F>
  void changing(F&& f) {
    f("library", library), f("job", job), f("status", status), f("counters", counters), f("started_at", started_at);
    f("discovering_ended_at", discovering_ended_at), f("scanning_ended_at", scanning_ended_at);
    f("caching_ended_at", caching_ended_at), f("enriching_ended_at", enriching_ended_at);
    f("finished_at", finished_at), f("problems", problems);
  }
};

void set_all(scan_row& row, const scan& x);
scan to_scan(scan_row& row);

/// '' for none.
template <class Id>
std::string id_text(const Id& id) {
  return id ? id.str() : std::string{};
}

/// Throws `failure` (errc::io) for what is neither '' nor an id.
template <class Id>
Id id_from(const std::string& text);

std::vector<picture> pictures_from(const std::string& json);
video_state state_from(const std::string& name);

} // namespace troupe::store

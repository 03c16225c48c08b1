#pragma once

// The database. Every call blocks: writer on the journal's own thread, readers on threads that may block. No exception
// leaves these calls. Implemented twice (SQLite, PostgreSQL) in store/, with one conformance suite.

#include "protocol/model/catalogue.hpp"
#include "protocol/model/job.hpp"
#include "protocol/model/node.hpp"
#include "protocol/model/result.hpp"

#include <memory>
#include <span>

namespace troupe::ports {

struct job_change {
  job row;
  /// True: no row of this id is in the database yet.
  bool is_new = false;
};

struct state_change {
  video_id id;
  video_state state = video_state::pending;
  timestamp at;
};

/// Changes to the catalogue, each the smallest that says what happened, so that two writers don't undo each other.
struct catalogue_changes {
  /// Insert or replace.
  std::vector<library> libraries;
  /// With their videos and renditions.
  std::vector<library_id> removed_libraries;
  /// A scan found or lost track of content: inserts, or sets library, path, version, category, state and updated;
  /// leaves title and everything that ingest wrote. (library, path) is unique.
  std::vector<video> found;
  /// An upload or download that was ingested: inserts; the same id again is not an error and changes nothing.
  std::vector<video> added;
  /// Ingest's result for a file that a scan found: sets everything but created, library, path and category. Never
  /// inserts, and leaves the row alone when its version is another one by now, or a person has removed it. Ladders and
  /// the storyboard of another content go.
  std::vector<video> ingested;
  std::vector<state_change> states;
  /// PATCH by a person: title and category.
  std::vector<video> edited;
  /// With their renditions and storyboards.
  std::vector<video_id> removed_videos;
  /// Insert; the same id again is not an error and changes nothing. Skipped when the video is gone or removed, a ladder
  /// also when the video has another content. Older ladders of the same video and profile go.
  std::vector<rendition> renditions;
  std::vector<rendition_id> removed_renditions;
  /// Insert or replace; skipped when the video is gone, removed, or has another content than the storyboard, or a job
  /// of a later submission has made one of this content already.
  std::vector<storyboard> storyboards;
  /// Of these videos.
  std::vector<video_id> removed_storyboards;
  /// Insert or replace.
  std::vector<scan> scans;

  bool empty() const noexcept {
    return libraries.empty() && removed_libraries.empty() && found.empty() && added.empty() && ingested.empty()
           && states.empty() && edited.empty() && removed_videos.empty() && renditions.empty()
           && removed_renditions.empty() && storyboards.empty() && removed_storyboards.empty() && scans.empty();
  }
};

/// Videos that somebody says are of a library.
struct claimed_videos {
  library_id library;
  std::vector<video_id> ids;
};

/// Applied as a whole or not at all.
struct unit_of_work {
  /// With a job id: nothing is applied unless that job is running with this attempt and term now (fencing).
  lease_token fence;
  /// Nothing is applied when one of them is there as one of another library.
  claimed_videos claimed{};
  std::vector<job_change> jobs;
  /// Gone before anything is inserted: a new job may have the id of one that is removed with it.
  std::vector<job_id> removed_jobs;
  std::vector<queue_settings> queues;
  catalogue_changes catalogue;
  /// Insert or replace.
  std::vector<node_rules> nodes{};

  size_t rows() const noexcept {
    auto& c = catalogue;
    return jobs.size() + removed_jobs.size() + queues.size() + nodes.size() + c.libraries.size()
           + c.removed_libraries.size() + c.found.size() + c.added.size() + c.ingested.size() + c.states.size()
           + c.edited.size() + c.removed_videos.size() + c.renditions.size() + c.removed_renditions.size()
           + c.storyboards.size() + c.removed_storyboards.size() + c.scans.size();
  }
};

/// A job that is gone from the history; its submission id may be used anew.
struct purged_job {
  job_id id;
  std::string submission_id;
};

/// What the dispatcher starts from.
struct recovered_jobs {
  /// All that are not terminal, and the terminal ones that are not archived. In order of id.
  std::vector<job> jobs;
  /// submission_id → job of archived jobs, for idempotent submits.
  std::vector<std::pair<std::string, job_id>> archived_submissions;
  std::vector<queue_settings> queues;
  std::vector<node_rules> nodes{};
};

/// The only read-write connection of the process. One thread.
class store_writer {
public:
  virtual ~store_writer() = default;

  /// Adds one to the term and syncs; the new term.
  virtual result<uint64_t> raise_term() = 0;

  /// One transaction, committed and synced when this returns. The outer error: nothing was applied. Otherwise one
  /// result per unit, in order: errc::stale_lease when its fence did not hold, errc::forbidden when what it claims is
  /// not so (the other units were applied). errc::conflict (outer) when a unique key is violated.
  virtual result<std::vector<result<void>>> commit(std::span<const unit_of_work* const> units) = 0;

  virtual result<recovered_jobs> load_jobs() = 0;

  /// Removes archived terminal jobs that finished before `older_than` and whose parent (if any) is gone or goes too;
  /// at most `limit`; those that went.
  virtual result<std::vector<purged_job>> purge_history(timestamp older_than, uint32_t limit) = 0;
};

/// A read-only connection. One thread each; sees every commit that was acknowledged before the call.
class store_reader {
public:
  virtual ~store_reader() = default;

  /// Cheapest possible round trip, for health.
  virtual result<void> ping() = 0;

  virtual result<job> find_job(job_id id) = 0;
  virtual result<std::vector<job_id>> children_of(job_id id) = 0;
  /// Newest first.
  virtual result<job_page> list_jobs(const job_query& query) = 0;

  virtual result<std::vector<library>> libraries() = 0;
  /// Only of states ready.
  virtual result<std::vector<category_count>> categories() = 0;
  virtual result<video_page> list_videos(const video_query& query) = 0;
  virtual result<video_detail> find_video(video_id id) = 0;
  /// Files of a library with path > after, in byte order of the path, at most `limit`; missing and removed ones too.
  virtual result<std::vector<known_file>> known_files(library_id lib, std::string_view after, uint32_t limit) = 0;
  virtual result<std::vector<scan>> scans(uint32_t limit) = 0;
  virtual result<scan> find_scan(scan_id id) = 0;
  /// Every file or folder below the data folder that a row names: renditions, thumbnails and storyboards of the present
  /// content, relative paths; also the paths of videos of the uploads and downloads libraries as "uploads/…",
  /// "downloads/…".
  virtual result<std::vector<std::string>> referenced_files() = 0;
};

/// Opens connections; thread safe. Creating it runs the migrations.
class database {
public:
  virtual ~database() = default;
  /// "sqlite", "postgresql".
  virtual std::string_view kind() const noexcept = 0;
  virtual result<std::unique_ptr<store_writer>> open_writer() = 0;
  virtual result<std::unique_ptr<store_reader>> open_reader() = 0;
};

} // namespace troupe::ports

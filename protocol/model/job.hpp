#pragma once

#include "protocol/model/error.hpp"
#include "protocol/model/ids.hpp"
#include "protocol/model/time.hpp"

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace troupe {

/// queued → running → completed | failed | cancelled; delayed and waiting lead to queued.
enum class job_state : uint8_t {
  /// Its dependencies are not all finished.
  waiting,
  /// A retry or a schedule: runs at `run_at`.
  delayed,
  queued,
  running,
  completed,
  /// Final: attempts spent or a permanent error. The failed jobs are the dead-letter list.
  failed,
  cancelled
};

inline bool is_terminal(job_state s) noexcept {
  return s >= job_state::completed;
}

std::string_view to_string(job_state s) noexcept;
std::optional<job_state> job_state_from(std::string_view name) noexcept;

/// Proof that a worker holds the lease of one attempt. Every write of a worker carries it; `term` is that of the
/// coordinator which gave it and stays when the coordinator restarts.
struct lease_token {
  uint64_t term = 0;
  job_id job;
  uint32_t attempt = 0;

  auto operator<=>(const lease_token&) const = default;
  /// "<job>-<attempt>-<term>": names temporary files of the attempt.
  std::string str() const;
  static std::optional<lease_token> parse(std::string_view text);
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lease_token& x) {
  return f(x.term, x.job, x.attempt);
}

/// What becomes of a job when one of its dependencies fails or is cancelled.
enum class child_failure : uint8_t {
  /// It fails at once, with the dependency's error.
  fail,
  /// It runs when all dependencies are terminal, however they ended.
  proceed
};

struct retry_policy {
  /// 0: the default of the job's kind.
  uint32_t max_attempts = 0;
  milliseconds first_delay{0};
  milliseconds max_delay{0};
  /// Doubles at each failure; otherwise each delay is first_delay.
  bool exponential = true;

  bool operator==(const retry_policy&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, retry_policy& x) {
  return f(x.max_attempts, x.first_delay, x.max_delay, x.exponential);
}

/// What a job takes of its node while it runs, and what a node has to give: tokens beside slots.
struct resources {
  /// Thousandths of a core.
  uint32_t cores = 0;
  uint32_t memory_mib = 0;
  uint32_t gpu_sessions = 0;

  auto operator<=>(const resources&) const = default;
  bool none() const noexcept {
    return *this == resources{};
  }
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, resources& x) {
  return f(x.cores, x.memory_mib, x.gpu_sessions);
}

/// What is asked for. Empty fields take the default of the kind (job_kinds.hpp).
struct job_spec {
  /// Chosen by the submitter so that jobs of one submission can name each other; none: chosen by the dispatcher.
  job_id id;
  std::string kind;
  std::string queue;
  /// 1 (critical) to 10 (low); 0: the default of the kind.
  uint8_t priority = 0;
  /// A JSON object; what it holds is the kind's business.
  std::string payload = "{}";
  std::string owner;
  /// The same non-empty id again gives the first job back, and no second one is made.
  std::string submission_id;
  /// At most one job that is not terminal has this key; a second submission gets the first one's id.
  std::string unique_key;
  /// For display and retention: kept while the parent is.
  job_id parent;
  std::vector<job_id> depends_on;
  child_failure on_dependency_failure = child_failure::fail;
  /// Not before; not set: at once.
  timestamp run_at;
  retry_policy retry;
  /// What a worker must offer beside the kind, e.g. "library:<id>".
  std::vector<std::string> needs;
  /// Of the request that caused it: X-Request-ID and traceparent (trace.hpp).
  std::string request_id;
  std::string traceparent;
  /// What makes a worker better without being needed, e.g. "library:<id>" where the file is: the more of them the
  /// better. A worker that has them but is full holds the job up for a few seconds at most.
  std::vector<std::string> prefers;
  /// All zero: the default of the kind.
  resources cost;
  /// How much there is to do, in units of the kind (for video: seconds of film × pixels / 1e6); 0: not known. Nodes'
  /// speeds are measured in it.
  double work = 0;

  bool operator==(const job_spec&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, job_spec& x) {
  return f(x.id, x.kind, x.queue, x.priority, x.payload, x.owner, x.submission_id, x.unique_key, x.parent, x.depends_on,
           x.on_dependency_failure, x.run_at, x.retry, x.needs, x.request_id, x.traceparent, x.prefers, x.cost, x.work);
}

struct job_progress {
  /// 0 to 1.
  double fraction = 0;
  std::string stage;
  std::string message;
  /// "speed" ×1000 of real time, "etaMs", "frames", "bytes", … : whole numbers by name.
  std::map<std::string, int64_t> counters;

  bool operator==(const job_progress&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, job_progress& x) {
  return f(x.fraction, x.stage, x.message, x.counters);
}

enum class attempt_end : uint8_t {
  completed,
  failed,
  lost,
  released,
  cancelled,
  /// It handed its work to child jobs; a further attempt goes on when they have ended. Burns nothing.
  delegated
};

std::string_view to_string(attempt_end e) noexcept;

/// The record of one attempt that has ended.
struct attempt_record {
  uint32_t number = 0;
  std::string worker;
  timestamp started;
  timestamp ended;
  attempt_end end = attempt_end::completed;
  error_class cls = error_class::transient;
  error failure{errc::none, {}};
  /// What exactly was run, for a person who wants to repeat it.
  std::string operation;
  /// The last lines that the work logged; at most 4 KiB.
  std::string log_tail;

  bool operator==(const attempt_record&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, attempt_record& x) {
  return f(x.number, x.worker, x.started, x.ended, x.end, x.cls, x.failure, x.operation, x.log_tail);
}

/// A child job and how much of the work it does, in seconds of film or any other unit that its siblings share.
struct child_share {
  job_id id;
  double share = 0;

  bool operator==(const child_share&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, child_share& x) {
  return f(x.id, x.share);
}

/// How a job goes on that has handed its work to child jobs: it waits until all of them have ended, however they did,
/// and its next attempt is given this. Its children are given `state`, too.
struct continuation {
  std::vector<child_share> children;
  /// JSON, the business of the kind; at most max_payload_bytes.
  std::string state;
  /// The children's part of the job's progress, and what it is called.
  double from = 0;
  double to = 1;
  std::string stage;
  /// What makes a worker better for the next attempt, as in job_spec.
  std::vector<std::string> prefers;

  bool operator==(const continuation&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, continuation& x) {
  return f(x.children, x.state, x.from, x.to, x.stage, x.prefers);
}

struct job {
  job_id id;
  job_spec spec;
  job_state state = job_state::queued;
  /// Number of the present or last attempt; rises with every assignment and fences the ones before.
  uint32_t attempt = 0;
  /// Attempts burnt; at spec.retry.max_attempts the job has failed.
  uint32_t failures = 0;
  /// Attempts that ended because their node went away under them (restarted, or lost the assignment); burnt nothing.
  uint32_t interruptions = 0;
  job_progress progress;
  /// A JSON value, or empty.
  std::string result;
  /// The error of the last failed attempt; errc::none when there is none.
  error last_error{errc::none, {}};
  timestamp created;
  timestamp started;
  timestamp finished;
  /// When a delayed job becomes queued.
  timestamp run_at;
  /// Term and worker of the lease while running.
  uint64_t lease_term = 0;
  worker_id lease_worker;
  std::string worker_name;
  /// The lease is held by a worker within the coordinator's process: when that process is gone, so is the worker.
  bool lease_embedded = false;
  bool cancel_requested = false;
  std::vector<attempt_record> attempts;
  /// Out of the hot set (job_kinds.hpp: how many are kept); only history and status answer for it.
  bool archived = false;
  /// One element when it has handed its work to children, until it ends; else none, which is most jobs' case and takes
  /// little room.
  std::vector<continuation> next{};

  bool operator==(const job&) const = default;

  lease_token token() const {
    return {lease_term, id, attempt};
  }
  bool delegated() const noexcept {
    return !next.empty();
  }
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, job& x) {
  return f(x.id, x.spec, x.state, x.attempt, x.failures, x.interruptions, x.progress, x.result, x.last_error, x.created,
           x.started, x.finished, x.run_at, x.lease_term, x.lease_worker, x.worker_name, x.lease_embedded,
           x.cancel_requested, x.attempts, x.archived, x.next);
}

/// As people see it: a job that waits for children which it has handed its work to is being worked on.
job_state shown_state(const job& x) noexcept;

/// A job that is not done, as a check of a further one sees it.
struct open_job {
  /// None: it is submitted in the same call, before this one.
  job_id id;
  std::string payload;
};
/// By unique key.
using find_open_job = std::function<std::optional<open_job>(const std::string& key)>;

/// What a submission got: the job made, or the one that was there already.
struct submit_receipt {
  job_id id;
  job_state state = job_state::queued;
  /// True when submission_id or unique_key named a job that was there before.
  bool existing = false;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, submit_receipt& x) {
  return f(x.id, x.state, x.existing);
}

/// Limits and switches of one queue, or of one kind of job (named "kind:<kind>"); kept in the database.
struct queue_settings {
  std::string name;
  bool paused = false;
  /// Most jobs running at once over all workers; 0: no limit but the workers' slots.
  uint32_t max_running = 0;
  /// Most jobs that are not terminal; a submission over it is refused with errc::rate_limited.
  uint32_t max_depth = 100'000;

  bool operator==(const queue_settings&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, queue_settings& x) {
  return f(x.name, x.paused, x.max_running, x.max_depth);
}

/// Upper bounds of ended_jobs::durations, seconds.
inline constexpr std::array<double, 12> job_duration_bounds{0.05, 0.25, 1, 2.5, 5, 15, 30, 60, 300, 900, 3600, 14400};

/// What has ended since the dispatcher of now began; only rises.
struct ended_jobs {
  /// completed, failed, cancelled.
  std::map<std::string, uint64_t> by_state;
  /// Failed attempts that a further one follows, by error class.
  std::map<std::string, uint64_t> retries;
  /// Of completed and failed ones, from the start of the last attempt to the end: how many within each bound and over
  /// the one before; the last element is over all bounds. Empty: none.
  std::vector<uint64_t> durations;
  milliseconds duration_total{0};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, ended_jobs& x) {
  return f(x.by_state, x.retries, x.durations, x.duration_total);
}

struct queue_stats {
  queue_settings settings;
  /// Jobs by state; the terminal ones count what is in the hot set.
  std::map<std::string, uint64_t> by_state;
  /// Age of the oldest queued job.
  milliseconds oldest_queued{0};
  ended_jobs ended{};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, queue_stats& x) {
  return f(x.settings, x.by_state, x.oldest_queued, x.ended);
}

struct job_query {
  /// Empty fields match all. Several states: comma separated.
  std::string status;
  std::string kind;
  std::string queue;
  std::string owner;
  job_id parent;
  /// True: archived jobs too.
  bool history = false;
  uint32_t page = 1;
  uint32_t limit = 20;
  /// False: without the parts of jobs that were split (job_kind::whole), unless `kind` or `parent` asks for them.
  bool parts = true;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, job_query& x) {
  return f(x.status, x.kind, x.queue, x.owner, x.parent, x.history, x.page, x.limit, x.parts);
}

/// Newest first.
struct job_page {
  std::vector<job> jobs;
  uint64_t total = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, job_page& x) {
  return f(x.jobs, x.total);
}

} // namespace troupe

#pragma once

// What a worker and the dispatcher say to each other. The same messages within one process and over BASP.

#include "protocol/model/job.hpp"
#include "protocol/model/node_figures.hpp"

namespace troupe {

/// Raised when a message below changes its meaning: a worker of another version is refused in the hello.
inline constexpr uint32_t worker_protocol_version = 6;

/// How many jobs of a queue a worker takes at once: its credit. What it holds counts against it.
struct queue_slots {
  std::string queue;
  uint32_t slots = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, queue_slots& x) {
  return f(x.queue, x.slots);
}

struct worker_hello {
  uint32_t protocol_version = worker_protocol_version;
  /// New at each start of the process.
  worker_id id;
  /// Stable, for people ("nas-2").
  std::string node_name;
  std::vector<std::string> kinds;
  std::vector<queue_slots> credit;
  /// Beside kinds: "library:<id>", "encoder:libx264" …
  std::vector<std::string> capabilities;
  /// Leases that it still works on, after the coordinator or the link came back.
  std::vector<lease_token> held;
  /// True for a worker within the coordinator's own process: when that process is gone, so is the worker.
  bool embedded = false;
  /// What its jobs may take together; 0: not told, not limited.
  resources tokens{};
  /// Of the program, for people ("1.2.0").
  std::string software{};
  /// "host:port" where this node serves the files of its libraries to others; empty: it does not.
  std::string file_address{};
  /// Of its process: "coordinator", "gateway", "worker".
  std::vector<std::string> roles{};
  node_figures figures{};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, worker_hello& x) {
  return f(x.protocol_version, x.id, x.node_name, x.kinds, x.credit, x.capabilities, x.held, x.embedded, x.tokens,
           x.software, x.file_address, x.roles, x.figures);
}

struct worker_welcome {
  uint64_t term = 0;
  /// A lease that is not renewed for this long is lost; renew at a third of it.
  milliseconds lease{0};
  /// Of `held`: no longer the worker's. It stops that work and removes what it made.
  std::vector<lease_token> revoked;
  /// The folder with renditions, artwork and temporaries, as the coordinator sees it.
  std::string data_folder;
  /// Content of `<data_folder>/node.id`: a worker proves with it that it sees the same folder.
  std::string data_id;
  /// PEM: what a node that serves files checks tickets with (identity::check_ticket). New at each start.
  std::string ticket_key{};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, worker_welcome& x) {
  return f(x.term, x.lease, x.revoked, x.data_folder, x.data_id, x.ticket_key);
}

/// How a child job ended, for the attempt of its parent that goes on.
struct child_end {
  job_id id;
  job_state state = job_state::completed;
  std::string result;
  error failure{errc::none, {}};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, child_end& x) {
  return f(x.id, x.state, x.result, x.failure);
}

struct assignment {
  lease_token token;
  job_id parent;
  std::string kind;
  std::string queue;
  std::string payload;
  std::string request_id;
  std::string traceparent;
  /// Attempts burnt before this one, of how many.
  uint32_t failures = 0;
  uint32_t max_attempts = 0;
  /// Of a job that goes on, and of a child of one: what the attempt that delegated left (continuation).
  std::string state{};
  /// Of a job that goes on: in the order of continuation::children.
  std::vector<child_end> children{};
  /// Nodes that could take a part of it now, each by its speed as a multiple of the median; only for kinds that can be
  /// split.
  std::vector<double> lanes{};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, assignment& x) {
  return f(x.token, x.parent, x.kind, x.queue, x.payload, x.request_id, x.traceparent, x.failures, x.max_attempts,
           x.state, x.children, x.lanes);
}

struct progress_report {
  lease_token token;
  job_progress progress;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, progress_report& x) {
  return f(x.token, x.progress);
}

/// What an attempt hands to child jobs (attempt_end::delegated). Parent, owner, priority and request are the job's.
struct delegation {
  /// At least one, at most max_delegated with those of `keep`.
  std::vector<job_spec> jobs;
  /// Of each of them; see child_share.
  std::vector<double> shares;
  /// Children of an earlier delegation whose results still count.
  std::vector<job_id> keep;
  /// As in continuation; its children are filled in by the dispatcher.
  continuation next;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, delegation& x) {
  return f(x.jobs, x.shares, x.keep, x.next);
}

inline constexpr size_t max_delegated = 512;

/// How an attempt ended, as its worker says.
struct attempt_outcome {
  lease_token token;
  /// completed, failed, released (graceful stop: burns nothing), delegated or cancelled; never lost.
  attempt_end end = attempt_end::completed;
  /// JSON; for completed.
  std::string result;
  /// For failed.
  error failure{errc::none, {}};
  error_class cls = error_class::transient;
  std::string operation;
  std::string log_tail;
  /// For delegated.
  delegation handed_on{};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, attempt_outcome& x) {
  return f(x.token, x.end, x.result, x.failure, x.cls, x.operation, x.log_tail, x.handed_on);
}

/// What the dispatcher knows of a worker.
struct worker_info {
  worker_id id;
  std::string node_name;
  bool embedded = false;
  std::vector<std::string> kinds;
  std::vector<queue_slots> credit;
  std::vector<std::string> capabilities;
  std::vector<lease_token> running;
  timestamp joined;
  /// Since the last renewal or report.
  milliseconds silent{0};
  /// As it said, and what of them is taken.
  resources tokens{};
  resources in_use{};
  /// What its node lacks or has set up wrongly, a sentence each that says what to do.
  std::vector<std::string> problems{};
  std::string software{};
  std::string file_address{};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, worker_info& x) {
  return f(x.id, x.node_name, x.embedded, x.kinds, x.credit, x.capabilities, x.running, x.joined, x.silent, x.tokens,
           x.in_use, x.problems, x.software, x.file_address);
}

} // namespace troupe

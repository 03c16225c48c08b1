#pragma once

// The dispatcher, those who want work done, and workers.

#include "protocol/mesh/messages/inspect.hpp"
#include "protocol/model/job.hpp"
#include "protocol/model/node.hpp"
#include "protocol/model/worker.hpp"

namespace troupe::mesh {

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
  /// As they are now.
  node_figures figures{};
};
TROUPE_INSPECT(renew_leases, x.worker, x.held, x.figures)

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

} // namespace troupe::mesh

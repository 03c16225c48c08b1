#pragma once

// What an administrator (or the score of its failures) says about a node, by its name, and what is known of it. The
// rules are kept in the database and changed at run time.

#include "protocol/model/job.hpp"
#include "protocol/model/result.hpp"

namespace troupe {

enum class node_state : uint8_t {
  active,
  /// No new work; what runs goes on.
  draining,
  /// No new work but probes, one at a time, when the node was quarantined by its score.
  quarantined
};

std::string_view to_string(node_state s) noexcept;
std::optional<node_state> node_state_from(std::string_view name) noexcept;

/// An attempt of one node that failed, and the other node that then did the job.
struct node_evidence {
  job_id job;
  std::string kind;
  /// What the failed attempt said.
  std::string error;
  /// Who did it then.
  std::string done_by;
  timestamp at;

  bool operator==(const node_evidence&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, node_evidence& x) {
  return f(x.job, x.kind, x.error, x.done_by, x.at);
}

/// A time of the week in which a node works, in the coordinator's local time.
struct work_hours {
  /// Bit 0: Monday … bit 6: Sunday; of the day on which it begins.
  uint8_t weekdays = 0x7F;
  /// Minutes since midnight, 0 to 1440. An end that is not after the begin is one of the next day.
  uint16_t from = 0;
  uint16_t to = 1440;

  bool operator==(const work_hours&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, work_hours& x) {
  return f(x.weekdays, x.from, x.to);
}

struct node_rules {
  std::string name;
  node_state state = node_state::active;
  /// Why it is not active, since when, and by whom: the score probes it back in, a person's word stands.
  std::string reason;
  timestamp since;
  bool by_score = false;
  std::vector<node_evidence> evidence;
  /// Queue → slots of each worker of the node instead of those that it offers. Queues that it does not take at present
  /// stay so.
  std::map<std::string, uint32_t> slots;
  /// Hundredths: how much of its measured speed counts when work is placed.
  uint32_t weight = 100;
  /// Empty: always.
  std::vector<work_hours> hours;

  bool operator==(const node_rules&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, node_rules& x) {
  return f(x.name, x.state, x.reason, x.since, x.by_score, x.evidence, x.slots, x.weight, x.hours);
}

/// Bounds of every field; errc::validation names all that are wrong.
result<void> check(const node_rules& x);

/// A node as the dispatcher sees it.
struct node_details {
  node_rules rules;
  std::vector<worker_id> workers;
  uint32_t running = 0;
  /// It gets new work now; otherwise `closed` says why not.
  bool open = false;
  std::string closed;
  /// Of its failures that others made good, decayed to now, and what they were (also while it is active).
  double score = 0;
  std::vector<node_evidence> evidence;
  /// Kind → units of work a second.
  std::map<std::string, double> speeds;
  /// Until the next probe of a quarantined node.
  milliseconds next_probe{0};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, node_details& x) {
  return f(x.rules, x.workers, x.running, x.open, x.closed, x.score, x.evidence, x.speeds, x.next_probe);
}

/// Does `local` (wall clock, shifted to the coordinator's time zone) lie in one of them? Always when there are none.
bool within(const std::vector<work_hours>& hours, timestamp local) noexcept;

// -- stored and outward forms (node_json.cpp)
std::string encode(const std::vector<node_evidence>& xs);
result<std::vector<node_evidence>> decode_evidence(std::string_view json);
std::string encode(const std::vector<work_hours>& xs);
result<std::vector<work_hours>> decode_hours(std::string_view json);
std::string outward_json(const node_details& x);

} // namespace troupe

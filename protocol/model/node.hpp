#pragma once

// What an administrator (or the score of its failures) says about a node, by its name, and what is known of it. The
// rules are kept in the database and changed at run time.

#include "protocol/model/job.hpp"
#include "protocol/model/node_figures.hpp"
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

/// What the workers of a node take of one queue, together.
struct node_slots {
  uint32_t slots = 0;
  uint32_t used = 0;

  bool operator==(const node_slots&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, node_slots& x) {
  return f(x.slots, x.used);
}

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
  // Of its connected workers together; nothing when there are none.
  /// Within the coordinator's own process.
  bool embedded = false;
  std::map<std::string, node_slots> queues;
  /// Sorted, each once.
  std::vector<std::string> kinds;
  std::vector<std::string> capabilities;
  /// What is wrong there, as they say.
  std::vector<std::string> problems;
  /// As they said (0: not told), and what of them is taken.
  resources tokens{};
  resources in_use{};
  /// What they run.
  std::vector<job_id> jobs;
  timestamp joined;
  /// Since one of them was heard.
  milliseconds silent{0};
  /// Version of the program.
  std::string software{};
  /// "host:port" where it serves files to other nodes; empty: it does not.
  std::string file_address{};
  /// Another version than the coordinator's.
  bool other_software = false;
  /// Of its process: "coordinator", "gateway", "worker"; sorted, each once.
  std::vector<std::string> roles{};
  std::vector<disk_space> disks{};
  /// With each node that it exchanged files with, seen from this one and by the peer's name.
  std::vector<node_link> links{};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, node_details& x) {
  return f(x.rules, x.workers, x.running, x.open, x.closed, x.score, x.evidence, x.speeds, x.next_probe, x.embedded,
           x.queues, x.kinds, x.capabilities, x.problems, x.tokens, x.in_use, x.jobs, x.joined, x.silent, x.software,
           x.file_address, x.other_software, x.roles, x.disks, x.links);
}

/// For people, in one word: "away" without a connected worker, its state unless that is active, "closed" outside of its
/// hours, else "active".
std::string_view standing(const node_details& x) noexcept;

/// A peer that a coordinator did not let in.
struct refused_peer {
  /// The last time.
  timestamp when;
  /// As it calls itself: perhaps a lie. Empty when it did not get to say it.
  std::string name;
  std::string role;
  std::string reason;
  /// As often, with this reason.
  uint64_t times = 1;

  bool operator==(const refused_peer&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, refused_peer& x) {
  return f(x.when, x.name, x.role, x.reason, x.times);
}

/// Does `local` (wall clock, shifted to the coordinator's time zone) lie in one of them? Always when there are none.
bool within(const std::vector<work_hours>& hours, timestamp local) noexcept;

/// "mon-fri 22:00-06:00", "sat,sun", "08:00-17:30": days, a time, or both. errc::validation says what is wrong.
result<work_hours> parse_hours(std::string_view text);
/// As parse_hours reads it.
std::string to_text(const work_hours& x);

// -- stored and outward forms (node_json.cpp)
std::string encode(const std::vector<node_evidence>& xs);
result<std::vector<node_evidence>> decode_evidence(std::string_view json);
std::string encode(const std::vector<work_hours>& xs);
result<std::vector<work_hours>> decode_hours(std::string_view json);
std::string outward_json(const node_details& x);
std::string outward_json(const refused_peer& x);
/// As outward_json shows them: a list of {"weekdays","from","to"}, or of texts for parse_hours.
result<std::vector<work_hours>> hours_from_outward(std::string_view json);
/// {"video":2,"images":null}: null is -1, as the worker offers. Names and bounds are checked by check(node_rules).
result<std::map<std::string, int64_t>> slots_from_outward(std::string_view json);

} // namespace troupe

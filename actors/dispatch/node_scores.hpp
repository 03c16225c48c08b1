#pragma once

// Which node fails what others can do: by evidence alone, that is by jobs that failed on one node and were then
// completed by another. A job that fails everywhere is no evidence against anybody.

#include "protocol/model/node.hpp"

#include <deque>
#include <unordered_map>

namespace troupe::dispatch {

struct quarantine_rules {
  /// With so much evidence, decayed to now, a node is quarantined: three failures within some minutes, or a fifth of
  /// what it does. 0: none ever is.
  double threshold = 2.5;
  milliseconds half_life{30 * 60'000};
  /// Each job that a node completes takes this share of the evidence away: one in ten that fails is no sick node. What
  /// failed on its executors is excused only by what they do: their crashes would be forgotten over jobs without them.
  double forgiveness = 0.1;
  /// Attempts lost within this time are one event: a node that dies takes all that it ran with it.
  milliseconds one_loss{30'000};
  milliseconds first_probe{60'000};
  milliseconds longest_probe{3'600'000};
  /// Probes that must succeed, one after the other.
  uint32_t successes = 2;
  /// Kept for people, the newest.
  size_t max_evidence = 10;
};

/// Not thread safe. Time is the wall clock, because that of the attempts is; a clock that goes back decays nothing.
class node_scores {
public:
  explicit node_scores(quarantine_rules rules) : rules_(rules) {
  }

  /// `row` was completed just now by the node `row.worker_name`; its attempts say who failed it before, of which those
  /// since its last completion or retry count (`failures` and `interruptions`). The nodes whose evidence is enough now.
  std::vector<std::string> completed(const job& row, timestamp now);
  double score(const std::string& node, timestamp now) const;
  /// Newest last.
  std::vector<node_evidence> evidence(const std::string& node) const;
  bool over(const std::string& node, timestamp now) const {
    return rules_.threshold > 0 && score(node, now) >= rules_.threshold;
  }
  void forget(const std::string& node) {
    records_.erase(node);
  }

private:
  struct record {
    /// As of `at`: against its executors, and against all else that it is.
    double executors = 0;
    double node = 0;
    timestamp at;
    timestamp last_loss;
    std::deque<node_evidence> evidence;

    double score() const noexcept {
      return executors + node;
    }
  };

  /// The share of its evidence that is left.
  double left_of(const record& r, timestamp now) const;
  void decay(record& r, timestamp now) const;
  void blame(const attempt_record& attempt, const job& row, timestamp now);

  quarantine_rules rules_;
  /// Of nodes with evidence.
  std::unordered_map<std::string, record> records_;
};

/// Does an attempt that ended so speak against its node?
bool speaks_against_node(const attempt_record& x) noexcept;
/// Does an executor do the work of this kind of job?
bool in_executor(std::string_view kind) noexcept;

/// How a quarantined node is tried: one job at a time, first after a delay that doubles with each failure.
class probation {
public:
  void begin(const quarantine_rules& rules, mono_time now);
  bool due(mono_time now) const noexcept {
    return now >= next_;
  }
  mono_time next() const noexcept {
    return next_;
  }
  /// A probe succeeded; true: it was the last that was needed.
  bool succeeded(const quarantine_rules& rules, mono_time now);
  void failed(const quarantine_rules& rules, mono_time now);
  /// It succeeded at something else than what the node had failed: the next one at once.
  void beside_the_point(mono_time now) {
    next_ = now;
  }
  /// It said nothing about the node: the next one after the present delay.
  void undecided(mono_time now) {
    next_ = now + delay_;
  }

private:
  milliseconds delay_{0};
  mono_time next_{};
  uint32_t good_ = 0;
};

} // namespace troupe::dispatch

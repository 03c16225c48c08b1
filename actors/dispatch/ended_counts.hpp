#pragma once

#include "protocol/model/job.hpp"

#include <unordered_map>

namespace troupe::dispatch {

/// Counts what jobs came to, for metrics: by queue, and by kind under "kind:<kind>" as queue_stats names it. The
/// dispatcher owns it and counts what is committed. It outlives the queue's memory, so that a recovery loses nothing.
class ended_counts {
public:
  /// A committed change of state.
  void count(const job& x);
  /// One that goes on at once after a failed attempt, beside what its state counts as.
  void count_rerun(const job& x);
  /// Fills `ended` of each.
  void add_to(std::vector<queue_stats>& all) const;

private:
  std::unordered_map<std::string, ended_jobs> by_name_;
};

} // namespace troupe::dispatch

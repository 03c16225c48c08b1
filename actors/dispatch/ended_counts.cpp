#include "actors/dispatch/ended_counts.hpp"

#include <algorithm>

namespace troupe::dispatch {

namespace {

void add_duration(ended_jobs& to, milliseconds took) {
  to.durations.resize(job_duration_bounds.size() + 1);
  auto seconds = static_cast<double>(took.count()) / 1000;
  auto within = std::lower_bound(job_duration_bounds.begin(), job_duration_bounds.end(), seconds);
  ++to.durations[static_cast<size_t>(within - job_duration_bounds.begin())];
  to.duration_total += took;
}

void add_retry(ended_jobs& to, const job& x) {
  ++to.retries[std::string{to_string(x.attempts.back().cls)}];
}

void add(ended_jobs& to, const job& x) {
  if (x.state == job_state::delayed)
    return add_retry(to, x);
  ++to.by_state[std::string{to_string(x.state)}];
  // What was cancelled, or failed before it ran, says nothing about the work. A clock that went back makes no time
  // negative.
  if (x.state != job_state::cancelled && is_set(x.started))
    add_duration(to, std::max(milliseconds{0}, x.finished - x.started));
}

} // namespace

void ended_counts::count(const job& x) {
  auto retried = x.state == job_state::delayed && !x.attempts.empty();
  if (!is_terminal(x.state) && !retried)
    return;
  add(by_name_[x.spec.queue], x);
  add(by_name_["kind:" + x.spec.kind], x);
}

void ended_counts::count_rerun(const job& x) {
  add_retry(by_name_[x.spec.queue], x);
  add_retry(by_name_["kind:" + x.spec.kind], x);
}

void ended_counts::add_to(std::vector<queue_stats>& all) const {
  for (auto& x : all)
    if (auto i = by_name_.find(x.settings.name); i != by_name_.end())
      x.ended = i->second;
}

} // namespace troupe::dispatch

#include "actors/dispatch/node_scores.hpp"

#include "protocol/model/job_kinds.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace troupe::dispatch {

namespace {

constexpr size_t max_error_bytes = 300;

std::string shortened(const std::string& text) {
  if (text.size() <= max_error_bytes)
    return text;
  auto end = max_error_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;
  return text.substr(0, end) + "…";
}

} // namespace

bool speaks_against_node(const attempt_record& x) noexcept {
  if (x.end == attempt_end::lost)
    return true;
  return x.end == attempt_end::failed && (x.cls == error_class::transient || x.cls == error_class::crash);
}

bool in_executor(std::string_view kind) noexcept {
  auto* known = find_job_kind(kind);
  return known && known->in_executor;
}

double node_scores::left_of(const record& r, timestamp now) const {
  if (now <= r.at)
    return 1;
  return std::exp2(-static_cast<double>((now - r.at).count()) / static_cast<double>(rules_.half_life.count()));
}

void node_scores::decay(record& r, timestamp now) const {
  auto left = left_of(r, now);
  r.executors *= left;
  r.node *= left;
  r.at = now;
}

void node_scores::blame(const attempt_record& attempt, const job& row, timestamp now) {
  auto& r = records_[attempt.worker];
  decay(r, now);
  r.evidence.push_back({row.id, row.spec.kind, shortened(attempt.failure.message), row.worker_name, attempt.ended});
  if (r.evidence.size() > rules_.max_evidence)
    r.evidence.pop_front();
  if (attempt.end == attempt_end::lost) {
    auto apart = attempt.ended > r.last_loss ? attempt.ended - r.last_loss : r.last_loss - attempt.ended;
    if (is_set(r.last_loss) && apart < rules_.one_loss)
      return;
    r.last_loss = attempt.ended;
    r.node += 1;
    return;
  }
  (in_executor(row.spec.kind) ? r.executors : r.node) += 1;
}

std::vector<std::string> node_scores::completed(const job& row, timestamp now) {
  uint64_t left = uint64_t{row.failures} + row.interruptions;
  if (left == 0 && records_.empty())
    return {};
  if (auto own = records_.find(row.worker_name); own != records_.end()) {
    auto& r = own->second;
    decay(r, now);
    r.node *= 1 - rules_.forgiveness;
    if (in_executor(row.spec.kind))
      r.executors *= 1 - rules_.forgiveness;
    if (r.score() < 0.01)
      records_.erase(own);
  }
  std::vector<std::string> out;
  // Those before a retry by hand were judged then, or never will be.
  std::set<std::string_view> blamed;
  for (auto a = row.attempts.rbegin(); a != row.attempts.rend() && left > 0; ++a) {
    if (!speaks_against_node(*a))
      continue;
    --left;
    if (a->worker == row.worker_name || !blamed.insert(a->worker).second)
      continue;
    blame(*a, row, now);
    if (over(a->worker, now))
      out.push_back(a->worker);
  }
  return out;
}

double node_scores::score(const std::string& node, timestamp now) const {
  auto i = records_.find(node);
  return i == records_.end() ? 0 : i->second.score() * left_of(i->second, now);
}

std::vector<node_evidence> node_scores::evidence(const std::string& node) const {
  auto i = records_.find(node);
  if (i == records_.end())
    return {};
  return {i->second.evidence.begin(), i->second.evidence.end()};
}

void probation::begin(const quarantine_rules& rules, mono_time now) {
  delay_ = rules.first_probe;
  next_ = now + delay_;
  good_ = 0;
}

bool probation::succeeded(const quarantine_rules& rules, mono_time now) {
  next_ = now;
  return ++good_ >= rules.successes;
}

void probation::failed(const quarantine_rules& rules, mono_time now) {
  good_ = 0;
  delay_ = std::min(2 * delay_, rules.longest_probe);
  next_ = now + delay_;
}

} // namespace troupe::dispatch

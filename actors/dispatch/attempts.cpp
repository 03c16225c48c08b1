#include "actors/dispatch/queue_impl.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace troupe::dispatch {

namespace {

constexpr size_t max_stage_bytes = 128;
constexpr size_t max_message_bytes = 1024;
constexpr size_t max_counters = 64;
constexpr size_t max_counter_bytes = 64;

job_progress bounded(job_progress p) {
  p.fraction = std::isfinite(p.fraction) ? std::clamp(p.fraction, 0.0, 1.0) : 0.0;
  if (p.stage.size() > max_stage_bytes)
    p.stage.resize(max_stage_bytes);
  if (p.message.size() > max_message_bytes)
    p.message.resize(max_message_bytes);
  std::erase_if(p.counters, [](auto& x) { return x.first.size() > max_counter_bytes; });
  while (p.counters.size() > max_counters)
    p.counters.erase(std::prev(p.counters.end()));
  return p;
}

} // namespace

bool job_queue::progress(worker_id worker, const progress_report& report) {
  auto& q = *impl_;
  auto* e = q.held_by(worker, report.token);
  if (!e)
    return false;
  q.heard(*e->holder);
  auto p = bounded(report.progress);
  // What its parts have reached stays reached.
  if (e->row.delegated())
    p.fraction = std::max(p.fraction, e->row.next.front().to);
  bool new_stage = p.stage != e->row.progress.stage;
  const auto by = p.fraction - e->row.progress.fraction;
  const bool known = !std::exchange(e->stale_progress, false);
  if (by > 0)
    e->moved = q.clk.mono();
  e->row.progress = std::move(p);
  if (new_stage)
    q.outbox.touch(*e, true);
  if (auto* parent = q.delegating_parent(*e)) {
    if (!known)
      q.splits[parent->row.id].pace.begin(q.clk.mono());
    q.update_joint_progress(*parent, e, known ? by : 0);
  }
  return true;
}

bool job_queue::hand_in(worker_id worker, const attempt_outcome& outcome) {
  auto& q = *impl_;
  auto* e = q.held_by(worker, outcome.token);
  if (!e)
    return false;
  q.heard(*e->holder);
  switch (outcome.end) {
  case attempt_end::completed:
    if (outcome.result.size() > max_result_bytes) {
      q.fail_attempt(*e, attempt_end::failed, error_class::permanent,
                     error{errc::too_large, "its result has " + std::to_string(outcome.result.size())
                                              + " bytes; at most " + std::to_string(max_result_bytes) + " can be kept"},
                     &outcome);
      break;
    }
    q.record_attempt(*e, attempt_end::completed, error_class::transient, error{errc::none, {}}, &outcome);
    e->row.result = outcome.result;
    e->row.last_error = error{errc::none, {}};
    q.judge_completed(*e);
    q.finish(*e, job_state::completed, {});
    break;
  case attempt_end::failed:
  case attempt_end::lost:
    q.fail_attempt(*e, attempt_end::failed, outcome.cls, outcome.failure, &outcome);
    break;
  case attempt_end::released:
    q.record_attempt(*e, attempt_end::released, error_class::transient, outcome.failure, &outcome);
    q.queue(*e);
    break;
  case attempt_end::delegated:
    if (auto done = q.delegate(*e, outcome); !done)
      q.fail_attempt(*e, attempt_end::failed, default_class(done.error().code), done.error(), &outcome);
    break;
  case attempt_end::cancelled:
    q.record_attempt(*e, attempt_end::cancelled, error_class::permanent, outcome.failure, &outcome);
    q.finish(*e, job_state::cancelled, error{errc::cancelled, "its worker was told to stop it"});
    break;
  }
  return true;
}

void job_queue::assign() {
  auto& q = *impl_;
  const instant now{q.clk.mono(), q.clk.wall()};
  while (true) {
    auto [e, w] = q.ready.next();
    if (!e)
      return;
    q.start(*e, *w, now);
  }
}

void job_queue::tick() {
  auto& q = *impl_;
  auto now = q.clk.mono();
  while (auto* e = q.leases.front()) {
    if (e->due > now)
      break;
    if (e->holder->connected)
      q.outbox.revoked(e->holder->id, e->row.token());
    q.fail_attempt(*e, attempt_end::lost, error_class::transient,
                   error{errc::worker_lost, "worker " + e->row.worker_name + " did not renew its lease"}, nullptr);
  }
  while (!q.delays.empty() && q.delays.begin()->first <= now)
    q.queue(*q.find(q.delays.begin()->second));
  while (auto* w = q.silence.front()) {
    if (w->last_seen + q.config.lease > now)
      break;
    if (w->held.empty()) {
      q.forget(*w);
      continue;
    }
    w->suspect = true;
    q.changed_nodes.insert(w->node_name);
    q.silence.erase(*w);
    q.ready.slots_changed(*w);
    q.spare_the_last();
  }
  q.ready.tick();
  q.tick_nodes();
  q.look_for_stragglers();
}

void job_queue::stood_still() {
  auto& q = *impl_;
  const auto now = q.clk.mono();
  // All the same: the orders stay what they are.
  for (auto* e = q.leases.front(); e; e = q.leases.next(*e))
    e->due = now + q.config.lease;
  for (auto* w = q.silence.front(); w; w = q.silence.next(*w))
    w->last_seen = now;
}

mono_time job_queue::next_deadline() const {
  auto& q = *impl_;
  auto at = mono_time::max();
  if (auto* e = q.leases.front())
    at = std::min(at, e->due);
  if (!q.delays.empty())
    at = std::min(at, q.delays.begin()->first);
  if (auto* w = q.silence.front())
    at = std::min(at, w->last_seen + q.config.lease);
  if (!q.looks.empty())
    at = std::min(at, q.looks.begin()->first);
  return std::min({at, q.ready.next_deadline(), q.next_node_deadline()});
}

} // namespace troupe::dispatch

#include "actors/dispatch/queue_impl.hpp"
#include "actors/dispatch/retry_rules.hpp"

#include <algorithm>

namespace troupe::dispatch {

namespace {

constexpr size_t max_attempt_records = 20;
constexpr size_t max_message_bytes = 4096;
constexpr size_t max_operation_bytes = 8192;

bool continues_utf8(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

std::string last_bytes(const std::string& text, size_t most) {
  if (text.size() <= most)
    return text;
  auto from = text.size() - most;
  while (from < text.size() && continues_utf8(text[from]))
    ++from;
  return text.substr(from);
}

std::string first_bytes(const std::string& text, size_t most) {
  if (text.size() <= most)
    return text;
  while (most > 0 && continues_utf8(text[most]))
    --most;
  return text.substr(0, most);
}

} // namespace

void job_queue::impl::set_state(entry& e, job_state s) {
  auto from = static_cast<size_t>(e.row.state);
  auto to = static_cast<size_t>(s);
  --e.queue->by_state[from];
  --e.kind->by_state[from];
  ++e.queue->by_state[to];
  ++e.kind->by_state[to];
  bool was_running = e.row.state == job_state::running;
  bool freed = was_running;
  if (e.row.delegated()) {
    auto idle = [](job_state x) { return x != job_state::running && !is_terminal(x); };
    e.kind->handed_on -= idle(e.row.state);
    e.kind->handed_on += idle(s);
    freed |= is_terminal(s);
  }
  e.row.state = s;
  outbox.touch(e, true);
  if (freed)
    ready.kind_changed(*e.kind);
  if (was_running || s == job_state::running)
    if (auto* parent = delegating_parent(e))
      part_changed(*parent);
}

void job_queue::impl::leave_state(entry& e) {
  switch (e.row.state) {
  case job_state::waiting:
    stop_waiting(e);
    break;
  case job_state::delayed:
    delays.erase({e.due, e.row.id});
    e.row.run_at = {};
    break;
  case job_state::queued:
    ready.remove(e);
    break;
  case job_state::running:
    release_lease(e);
    break;
  default:
    no_longer_terminal(e);
  }
}

void job_queue::impl::queue(entry& e) {
  leave_state(e);
  set_state(e, job_state::queued);
  ready.add(e);
}

void job_queue::impl::promote(entry& e) {
  // What it has waited for another node counts.
  const auto until = e.row.state == job_state::queued ? e.aside_until : mono_time::max();
  leave_state(e);
  e.row.spec.priority = 1;
  set_state(e, job_state::queued);
  ready.add(e);
  e.aside_until = std::min(e.aside_until, until);
}

void job_queue::impl::delay(entry& e, milliseconds wait) {
  leave_state(e);
  e.due = clk.mono() + wait;
  e.row.run_at = clk.wall() + wait;
  set_state(e, job_state::delayed);
  delays.insert({e.due, e.row.id});
}

void job_queue::impl::make_pending(entry& e) {
  leave_state(e);
  if (wait_for_dependencies(e)) {
    set_state(e, job_state::waiting);
    return;
  }
  // run_at of the specification holds for the first attempt only.
  auto left = e.row.attempt == 0 && is_set(e.row.spec.run_at) ? e.row.spec.run_at - clk.wall() : milliseconds{0};
  if (left > milliseconds{0}) {
    e.row.run_at = e.row.spec.run_at;
    left = remaining_delay(e.row, clk.wall());
    e.due = clk.mono() + left;
    set_state(e, job_state::delayed);
    delays.insert({e.due, e.row.id});
    return;
  }
  set_state(e, job_state::queued);
  ready.add(e);
}

void job_queue::impl::hold(entry& e, worker_record& w, mono_time now) {
  e.holder = &w;
  e.since = e.moved = now;
  e.due = e.since + config.lease;
  leases.push_back(e);
  w.held.push_back(e);
  auto& s = slots_of(w, *e.queue);
  ++s.used;
  s.served = ++serve_count;
  auto& cost = e.row.spec.cost;
  w.in_use.cores += cost.cores;
  w.in_use.memory_mib += cost.memory_mib;
  w.in_use.gpu_sessions += cost.gpu_sessions;
  ++w.node->running;
  ready.used_changed(w);
}

void job_queue::impl::release_lease(entry& e) {
  auto& w = *e.holder;
  outbox.lease_ended(e);
  leases.erase(e);
  w.held.erase(e);
  --slots_of(w, *e.queue).used;
  auto& cost = e.row.spec.cost;
  w.in_use.cores -= cost.cores;
  w.in_use.memory_mib -= cost.memory_mib;
  w.in_use.gpu_sessions -= cost.gpu_sessions;
  --w.node->running;
  ready.ended(e, std::max(milliseconds{0}, w.last_seen - e.since));
  judge_probe(e, false, false);
  if (w.node->rules.state == node_state::quarantined)
    update_open(*w.node);
  ready.used_changed(w);
  e.holder = nullptr;
  e.row.lease_worker = {};
  e.row.lease_term = 0;
  e.row.lease_embedded = false;
  // Silent and now empty-handed: the next tick forgets it.
  if (w.held.empty() && !w.silence_hook.linked)
    silence.push_front(w);
}

void job_queue::impl::start(entry& e, worker_record& w, const instant& now) {
  ready.started(e, w);
  ready.remove(e);
  ++e.row.attempt;
  e.row.lease_term = term;
  e.row.lease_worker = w.id;
  e.row.worker_name = w.node_name;
  e.row.lease_embedded = w.embedded;
  e.row.started = now.wall;
  e.row.progress = {};
  e.stale_progress = false;
  if (e.row.delegated())
    e.row.progress.fraction = e.row.next.front().to;
  set_state(e, job_state::running);
  hold(e, w, now.mono);
  if (auto& n = *w.node; n.rules.state == node_state::quarantined) {
    n.probing = e.row.token();
    update_open(n);
  }
  auto& spec = e.row.spec;
  outbox.assigned(w.id,
                  {e.row.token(), spec.parent, spec.kind, spec.queue, spec.payload, spec.request_id, spec.traceparent,
                   e.row.failures, spec.retry.max_attempts, state_for(e), ends_of_children(e), lanes_for(e)});
}

void job_queue::impl::record_attempt(entry& e, attempt_end end, error_class cls, const error& err,
                                     const attempt_outcome* outcome) {
  attempt_record r;
  r.number = e.row.attempt;
  r.worker = e.row.worker_name;
  r.started = e.row.started;
  r.ended = clk.wall();
  r.end = end;
  r.cls = cls;
  r.failure = err;
  if (outcome) {
    r.operation = first_bytes(outcome->operation, max_operation_bytes);
    r.log_tail = last_bytes(outcome->log_tail, max_log_tail_bytes);
  }
  auto& all = e.row.attempts;
  if (all.size() >= max_attempt_records)
    all.erase(all.begin(), all.end() - (max_attempt_records - 1));
  all.push_back(std::move(r));
}

void job_queue::impl::fail_attempt(entry& e, attempt_end end, error_class cls, error err,
                                   const attempt_outcome* outcome) {
  err.message = first_bytes(err.message, max_message_bytes);
  if (err.fields.size() > 32)
    err.fields.resize(32);
  if (err.code == errc::none)
    err = error{errc::internal, "the worker reported a failure without a reason"};
  auto& policy = e.row.spec.retry;
  auto v = end == attempt_end::lost ? judge_loss(policy, e.row.failures, was_lost(e.row), random())
                                    : judge_failure(policy, e.row.failures, cls, err.retry_after, random());
  record_attempt(e, end, cls, err, outcome);
  e.row.last_error = err;
  judge_probe(e, false, speaks_against_node(e.row.attempts.back()));
  if (v.burns_attempt)
    ++e.row.failures;
  if (v.final) {
    finish(e, job_state::failed, std::move(err));
  } else if (v.delay > milliseconds{0}) {
    delay(e, v.delay);
  } else {
    e.rerun = true;
    queue(e);
  }
}

void job_queue::impl::interrupt(entry& e, std::string why) {
  error err{errc::worker_lost, std::move(why)};
  record_attempt(e, attempt_end::lost, error_class::transient, err, nullptr);
  judge_probe(e, false, true);
  if (++e.row.interruptions <= config.max_interruptions) {
    queue(e);
    return;
  }
  error last{errc::crash, "interrupted " + std::to_string(e.row.interruptions)
                            + " times because its node went away while it ran; it may be what takes the node down: "
                              "look at its input before retrying it"};
  e.row.attempts.back().cls = error_class::crash;
  e.row.last_error = last;
  finish(e, job_state::failed, std::move(last));
}

void job_queue::impl::finish(entry& e, job_state s, error err) {
  std::vector<entry*> work{&e};
  auto end = [&](entry& x, job_state state) {
    const auto left = x.stale_progress ? 0 : 1 - x.row.progress.fraction;
    if (state == job_state::completed)
      x.row.progress.fraction = 1;
    leave_state(x);
    x.row.finished = clk.wall();
    set_state(x, state);
    if (!x.row.spec.unique_key.empty())
      unique_keys.erase(x.row.spec.unique_key);
    if (x.row.delegated())
      forget_split(x);
    x.row.next.clear();
    became_terminal(x);
    if (auto* parent = delegating_parent(x))
      update_joint_progress(*parent, &x, left);
  };
  if (s != job_state::completed)
    e.row.last_error = std::move(err);
  end(e, s);
  while (!work.empty()) {
    auto* x = work.back();
    work.pop_back();
    std::vector<entry*> failed;
    settle_dependents(*x, failed);
    for (auto* d : failed) {
      if (d->row.state != job_state::waiting)
        continue;
      d->row.last_error = x->row.last_error;
      end(*d, job_state::failed);
      work.push_back(d);
    }
  }
  end_copies(e);
}

} // namespace troupe::dispatch

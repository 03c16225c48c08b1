#include "actors/cluster/worker_state.hpp"

#include <spdlog/spdlog.h>

namespace troupe::cluster::working {

using kind = worker_timer::kind;

namespace {

/// Everything that is asked of a stop is done.
void finish_drain(self_ptr self) {
  for (auto& promise : std::exchange(self->state.drained, {}))
    promise.deliver(mesh::done{});
}

void leave_when_empty(self_ptr self) {
  auto& s = self->state;
  if (!s.offer.draining() || s.leaving || !s.attempts.empty() || !s.outcomes.empty())
    return;
  s.leaving = true;
  if (!s.joined)
    return finish_drain(self);
  self->request(s.jobs, s.config.request_timeout, mesh::leave{s.config.me.id})
    .then([self](const mesh::done&) { finish_drain(self); }, [self](const caf::error&) { finish_drain(self); });
}

void acknowledged(self_ptr self, const std::vector<lease_token>& sent, const mesh::handed_in& x) {
  auto& s = self->state;
  s.outcomes.acknowledged(sent);
  for (auto& token : x.stale)
    spdlog::warn("worker {}: the outcome of {} came too late and changed nothing", s.config.me.node_name, token.str());
  s.delay->reset();
  hand_in(self);
  leave_when_empty(self);
}

void not_acknowledged(self_ptr self, const std::vector<lease_token>& sent, const caf::error& e) {
  auto& s = self->state;
  spdlog::warn("worker {}: outcomes are not acknowledged yet: {}", s.config.me.node_name, mesh::from_caf(e).message);
  if (s.outcomes.failed(sent))
    timer(self, kind::hand_in, s.delay->next());
}

/// Behind the messages that are there by now: outcomes that arrive together are handed in together.
void hand_in_soon(self_ptr self) {
  if (!std::exchange(self->state.flush_queued, true))
    self->send(self, worker_timer{kind::flush, 0});
}

/// It could not ask the coordinator while that was away, which says nothing about the job.
bool was_cut_off(const worker_state& s, const held_attempt& of, const attempt_outcome& x) {
  const bool asked_in_vain = x.failure.code == errc::unavailable || x.failure.code == errc::timeout;
  return x.end == attempt_end::failed && x.cls == error_class::transient && asked_in_vain
         && (!s.joined || of.connection != s.connection);
}

void finish(self_ptr self, attempt_outcome outcome) {
  auto& s = self->state;
  auto node = s.attempts.extract(outcome.token);
  s.progress.erase(outcome.token);
  if (!node.empty() && !node.mapped().revoked) {
    // Stopped by a drain, not by a revocation: it burns no attempt.
    if ((outcome.end == attempt_end::cancelled && s.offer.draining()) || was_cut_off(s, node.mapped(), outcome))
      outcome.end = attempt_end::released;
    s.outcomes.add(std::move(outcome));
    hand_in_soon(self);
  }
  leave_when_empty(self);
}

attempt_outcome failed(const lease_token& token, error why, error_class cls) {
  attempt_outcome out;
  out.token = token;
  out.end = attempt_end::failed;
  out.failure = std::move(why);
  out.cls = cls;
  return out;
}

} // namespace

void revoke(self_ptr self, const std::vector<lease_token>& leases) {
  auto& s = self->state;
  for (auto& token : leases) {
    s.outcomes.forget(token);
    s.progress.erase(token);
    if (auto found = s.attempts.find(token); found != s.attempts.end() && !found->second.revoked) {
      found->second.revoked = true;
      self->send(found->second.runner, mesh::stop_attempt{token});
    }
  }
  leave_when_empty(self);
}

void hand_in(self_ptr self) {
  auto& s = self->state;
  if (!s.joined)
    return;
  mesh::hand_in message{s.config.me.id, s.outcomes.next()};
  if (message.outcomes.empty())
    return;
  auto sent = std::make_shared<std::vector<lease_token>>();
  for (auto& x : message.outcomes)
    sent->push_back(x.token);
  self->request(s.jobs, s.config.request_timeout, std::move(message))
    .then(
      [self, sent, c = s.connection](const mesh::handed_in& x) {
        if (c == self->state.connection)
          acknowledged(self, *sent, x);
      },
      [self, sent, c = s.connection](const caf::error& e) {
        if (c == self->state.connection)
          not_acknowledged(self, *sent, e);
      });
}

void start(self_ptr self, assignment what) {
  auto& s = self->state;
  auto token = what.token;
  if (s.attempts.contains(token) || s.outcomes.has(token))
    return;
  auto runner = s.runners.find(what.kind);
  s.attempts.emplace(token, held_attempt{runner == s.runners.end() ? mesh::runner{} : runner->second, s.connection});
  // It was on its way when that was said: nothing is lost, and nothing burnt.
  if (!s.offer.takes_work()) {
    attempt_outcome released;
    released.token = token;
    released.end = attempt_end::released;
    return finish(self, std::move(released));
  }
  if (runner == s.runners.end())
    return finish(
      self, failed(token, {errc::unprocessable, "this worker has no runner for " + what.kind}, error_class::transient));
  self->request(runner->second, caf::infinite, std::move(what))
    .then(
      [self](attempt_outcome& x) { finish(self, std::move(x)); },
      [self, token](const caf::error& e) { finish(self, failed(token, mesh::from_caf(e), error_class::transient)); });
}

void send_progress(self_ptr self) {
  auto& s = self->state;
  s.progress_set = false;
  s.last_progress = s.config.time->mono();
  mesh::report_progress out{s.config.me.id, {}};
  for (auto& [token, x] : std::exchange(s.progress, {}))
    out.reports.push_back({token, std::move(x)});
  // Nobody misses the progress of a time without a dispatcher: the newest follows.
  if (s.joined && !out.reports.empty())
    self->send(s.jobs, std::move(out));
}

void take_progress(self_ptr self, progress_report x) {
  auto& s = self->state;
  auto found = s.attempts.find(x.token);
  if (found == s.attempts.end() || found->second.revoked)
    return;
  s.progress[x.token] = std::move(x.progress);
  if (s.progress_set)
    return;
  auto since = s.config.time->mono() - s.last_progress;
  if (since >= s.config.progress_interval)
    return send_progress(self);
  s.progress_set = true;
  // Of any connection.
  self->delayed_send(self, s.config.progress_interval - since, worker_timer{kind::progress, 0});
}

void drain(self_ptr self, milliseconds grace) {
  auto& s = self->state;
  if (!s.offer.draining()) {
    s.offer.drain();
    send_credit(self);
    self->delayed_send(self, grace, worker_timer{kind::grace_over, 0});
    self->delayed_send(self, grace + s.config.release_timeout, worker_timer{kind::give_up, 0});
  }
  leave_when_empty(self);
}

void release_rest(self_ptr self) {
  for (auto& [token, x] : self->state.attempts)
    if (!x.revoked)
      self->send(x.runner, mesh::stop_attempt{token});
}

void give_up(self_ptr self) {
  auto& s = self->state;
  if (s.joined && !s.leaving)
    caf::anon_send(s.jobs, mesh::leave{s.config.me.id});
  s.leaving = true;
  finish_drain(self);
}

} // namespace troupe::cluster::working

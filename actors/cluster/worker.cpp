#include "actors/cluster/worker.hpp"

#include "actors/cluster/kept_outcomes.hpp"
#include "actors/cluster/worker_offer.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace troupe::cluster {

namespace {

using kind = worker_timer::kind;

struct held_attempt {
  mesh::runner runner;
  /// On which it came.
  uint64_t connection = 0;
  /// No longer ours: nothing is handed in.
  bool revoked = false;
};

struct worker_state {
  worker_state() {
  }

  static inline const char* name = "worker";
  worker_config config;
  std::map<std::string, mesh::runner> runners;
  /// Raised by every attempt to connect, so that answers and timers of an older one are void.
  uint64_t connection = 0;
  /// Why nobody was found, as it was told last: each reason is told once.
  std::string told;
  mesh::job_worker jobs;
  bool joined = false;
  milliseconds lease{15'000};
  std::optional<growing_delay> delay;
  uint32_t missed_renewals = 0;
  std::map<lease_token, held_attempt> attempts;
  kept_outcomes outcomes;
  bool flush_queued = false;
  std::map<lease_token, job_progress> progress;
  mono_time last_progress{};
  bool progress_set = false;
  /// Of config.me.
  worker_offer offer{config.me};
  /// As the last hello said it.
  bool said_to_take_work = true;
  /// The coordinator that welcomed it last has the data folder that is mounted here.
  bool same_data = false;
  bool leaving = false;
  std::vector<caf::typed_response_promise<mesh::done>> drained;

  std::vector<lease_token> held() const {
    std::vector<lease_token> out;
    for (auto& [token, x] : attempts)
      if (!x.revoked)
        out.push_back(token);
    auto ended = outcomes.tokens();
    out.insert(out.end(), ended.begin(), ended.end());
    return out;
  }
};

using self_ptr = worker::stateful_pointer<worker_state>;

void connect(self_ptr self);
void hand_in(self_ptr self);

void timer(self_ptr self, kind what, milliseconds delay) {
  self->delayed_send(self, delay, worker_timer{what, self->state.connection});
}

void connect_after(self_ptr self, milliseconds delay) {
  auto& s = self->state;
  ++s.connection;
  s.joined = false;
  timer(self, kind::connect, delay);
}

void connect_later(self_ptr self) {
  connect_after(self, self->state.delay->next());
}

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

void send_offer(self_ptr self) {
  auto& s = self->state;
  if (s.joined)
    self->send(s.jobs, mesh::change_offer{s.config.me.id, s.offer.capabilities(), s.offer.problems()});
}

void send_credit(self_ptr self) {
  auto& s = self->state;
  if (s.joined)
    self->send(s.jobs, mesh::change_credit{s.config.me.id, s.offer.credit()});
}

/// As they are now; the coordinator hears of a disk that is about to be full and a certificate that ends, too.
node_figures figures(self_ptr self) {
  auto& s = self->state;
  auto out = s.config.figures ? s.config.figures() : node_figures{};
  bool news = s.offer.change(out.disks, s.config.min_free);
  if (s.config.certificate_due)
    news |= s.offer.certificate(s.config.certificate_due());
  if (news)
    send_offer(self);
  return out;
}

void on_data_folder(self_ptr self, const data_folder_found& x) {
  auto& s = self->state;
  if (!s.offer.change(x))
    return;
  if (x.problem.empty())
    spdlog::info("worker {}: the coordinator's data folder is there again", s.config.me.node_name);
  else
    spdlog::error("worker {}: it takes no work: {}", s.config.me.node_name, x.problem);
  // An attempt that ends now frees no slot for another that would end as it did.
  send_credit(self);
  send_offer(self);
}

void on_coordinator_files(self_ptr self, const coordinator_files_found& x) {
  auto& s = self->state;
  const bool took_work = s.offer.takes_work();
  const bool was_bad = s.offer.files_out_of_reach();
  if (!s.offer.change(x))
    return;
  if (!x.problem.empty())
    spdlog::error("worker {}: {}{}", s.config.me.node_name, s.config.works_by_files ? "it takes no work: " : "",
                  x.problem);
  else if (was_bad)
    spdlog::info("worker {}: the coordinator's files are in reach again", s.config.me.node_name);
  if (s.offer.takes_work() != took_work)
    send_credit(self);
  send_offer(self);
}

void welcome(self_ptr self, const worker_welcome& x) {
  auto& s = self->state;
  if (!s.config.data_id.empty() && x.data_id != s.config.data_id) {
    spdlog::error("worker {}: the coordinator's data folder is not the one that is mounted here; mount the same folder "
                  "(node.id differs)",
                  s.config.me.node_name);
    s.same_data = false;
    caf::anon_send(s.jobs, mesh::leave{s.config.me.id});
    return connect_after(self, s.config.delays.max);
  }
  s.same_data = true;
  spdlog::info("worker {}: joined, term {}, {} attempts go on", s.config.me.node_name, x.term, s.attempts.size());
  s.joined = true;
  s.told.clear();
  s.delay->reset();
  s.missed_renewals = 0;
  s.lease = std::max(x.lease, milliseconds{30});
  revoke(self, x.revoked);
  timer(self, kind::renew, s.lease / 3);
  // It may have changed since the hello, which says nothing of problems.
  if (s.offer.takes_work() != s.said_to_take_work)
    send_credit(self);
  send_offer(self);
  if (s.config.joined)
    s.config.joined(x);
  s.outcomes.start_again();
  hand_in(self);
}

void greet(self_ptr self, mesh::job_worker jobs) {
  auto& s = self->state;
  if (s.jobs)
    self->demonitor(s.jobs.address());
  s.jobs = std::move(jobs);
  self->monitor(s.jobs);
  auto hello = s.config.me;
  hello.held = s.held();
  hello.capabilities = s.offer.capabilities();
  hello.figures = figures(self);
  // With the wrong folder it would get jobs with its welcome, only to give them back.
  const bool sure = s.config.data_id.empty() || s.same_data;
  hello.credit = sure ? s.offer.credit() : std::vector<queue_slots>{};
  s.said_to_take_work = sure && s.offer.takes_work();
  auto link = caf::actor_cast<mesh::worker_link>(self);
  self->request(s.jobs, s.config.request_timeout, std::move(hello), std::move(link))
    .then(
      [self, c = s.connection](const worker_welcome& x) {
        if (c == self->state.connection)
          welcome(self, x);
      },
      [self, c = s.connection](const caf::error& e) {
        if (c != self->state.connection)
          return;
        spdlog::warn("worker {}: not joined: {}", self->state.config.me.node_name, mesh::from_caf(e).message);
        connect_later(self);
      });
}

void connect(self_ptr self) {
  auto& s = self->state;
  auto connection = ++s.connection;
  s.joined = false;
  s.config.look_up([address = self->address(), connection](result<mesh::job_worker> found) {
    if (auto to = caf::actor_cast<worker>(address))
      caf::anon_send(to, dispatcher_found{connection, std::make_shared<result<mesh::job_worker>>(std::move(found))});
  });
}

void lost(self_ptr self) {
  spdlog::warn("worker {}: the dispatcher is away; {} attempts go on meanwhile", self->state.config.me.node_name,
               self->state.attempts.size());
  // At once after a good time; a look-up that gives a dead handle again must not become a busy loop.
  self->state.joined ? connect(self) : connect_later(self);
}

void renew(self_ptr self) {
  auto& s = self->state;
  if (!s.joined)
    return;
  auto interval = s.lease / 3;
  self->request(s.jobs, interval, mesh::renew_leases{s.config.me.id, s.held(), figures(self)})
    .then(
      [self, c = s.connection](const mesh::leases_renewed& x) {
        if (c != self->state.connection)
          return;
        self->state.missed_renewals = 0;
        revoke(self, x.revoked);
        if (!x.known)
          lost(self);
      },
      [self, c = s.connection](const caf::error&) {
        // A DOWN tells of one that is gone; this is for one that hangs.
        if (c == self->state.connection && ++self->state.missed_renewals >= 2)
          lost(self);
      });
  timer(self, kind::renew, interval);
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

void on_timer(self_ptr self, const worker_timer& x) {
  if (x.connection != 0 && x.connection != self->state.connection)
    return;
  switch (x.what) {
  case kind::connect:
    return connect(self);
  case kind::renew:
    return renew(self);
  case kind::progress:
    return send_progress(self);
  case kind::flush:
    self->state.flush_queued = false;
    return hand_in(self);
  case kind::hand_in:
    self->state.outcomes.resume();
    return hand_in(self);
  case kind::grace_over:
    return release_rest(self);
  case kind::give_up:
    return give_up(self);
  }
}

worker::behavior_type behavior(self_ptr self, worker_config config) {
  auto& s = self->state;
  s.config = std::move(config);
  s.delay.emplace(s.config.delays, s.config.random ? s.config.random : machine_random());
  s.last_progress = s.config.time->mono() - s.config.progress_interval;
  if (s.config.works_by_files)
    s.offer.wait_for_files();
  s.runners = s.config.make_runners(caf::actor_cast<mesh::progress_sink>(self));
  self->set_down_handler([self](const caf::down_msg& x) {
    if (!self->state.jobs || x.source != self->state.jobs.address())
      return;
    self->state.jobs = mesh::job_worker{};
    lost(self);
  });
  connect(self);
  return {
    [self](mesh::assign& x) {
      // Before the welcome was accepted nothing is taken: the dispatcher hears of that by `leave`.
      if (self->state.joined)
        for (auto& job : x.jobs)
          start(self, std::move(job));
    },
    [self](const mesh::revoke& x) { revoke(self, x.leases); },
    [self](progress_report& x) { take_progress(self, std::move(x)); },
    [self](drain_worker x) {
      auto promise = self->make_response_promise<mesh::done>();
      self->state.drained.push_back(promise);
      drain(self, x.grace);
      return promise;
    },
    [self](offer_changed& x) {
      self->state.offer.change(std::move(x));
      send_offer(self);
    },
    [self](encoders_tested& x) {
      self->state.offer.change(x);
      send_offer(self);
    },
    [self](data_folder_found& x) { on_data_folder(self, x); },
    [self](const coordinator_files_found& x) { on_coordinator_files(self, x); },
    [self](const worker_timer& x) { on_timer(self, x); },
    [self](dispatcher_found& x) {
      if (x.connection != self->state.connection)
        return;
      if (*x.handle)
        return greet(self, **x.handle);
      auto& told = self->state.told;
      if (auto& why = x.handle->error().message; why != told)
        spdlog::warn("worker {}: {}; it is tried again", self->state.config.me.node_name, told = why);
      connect_later(self);
    },
  };
}

} // namespace

worker spawn_worker(caf::actor_system& sys, worker_config config) {
  return sys.spawn(behavior, std::move(config));
}

} // namespace troupe::cluster

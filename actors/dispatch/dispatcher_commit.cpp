#include "actors/dispatch/dispatcher_parts.hpp"
#include "protocol/model/trace.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace troupe::dispatch {

namespace {

constexpr milliseconds first_purge{60'000};

using answers = std::vector<std::function<void(const error*)>>;

/// With so many rows pending the next commit starts at once. With fewer it waits for what the answers to the last one
/// set off: a sync for one row costs as much as one for all of them.
constexpr size_t full_commit = 64;

void schedule_tick(dispatcher_ptr self) {
  auto& st = self->state;
  if (!st.queue)
    return;
  auto next = std::min({st.queue->next_deadline(), st.nodes.next(), st.figures.next()});
  if (next == mono_time::max() || next >= st.tick_at)
    return;
  st.tick_at = next;
  auto wait = std::max(milliseconds{1}, next - st.config.time->mono());
  self->delayed_send(self, wait, tick_atom::value);
}

// -- effects, after the commit ----------------------------------------------------------------------------------------

void tell_observer(dispatcher_ptr self, const job& x) {
  auto& st = self->state;
  if (st.peers.observer && st.config.observed && st.config.observed(x))
    self->send(st.peers.observer, job_changed{std::make_shared<const job>(x)});
}

/// For the end of a log line about this job.
std::string cause_of(const job& x) {
  return log_mark(x.spec.request_id, x.spec.traceparent);
}

/// `rows` are those that the effects were taken with.
void perform(dispatcher_ptr self, effects& fx, const std::vector<ports::job_change>& rows) {
  auto& st = self->state;
  std::unordered_map<worker_id, mesh::revoke> revoked;
  for (auto& [worker, token] : fx.revocations)
    revoked[worker].leases.push_back(token);
  for (auto& [worker, message] : revoked)
    if (auto i = st.links.find(worker); i != st.links.end())
      self->send(i->second, std::move(message));
  std::unordered_map<worker_id, mesh::assign> by_worker;
  for (auto& [worker, what] : fx.assignments)
    by_worker[worker].jobs.push_back(std::move(what));
  for (auto& [worker, message] : by_worker)
    if (auto i = st.links.find(worker); i != st.links.end())
      self->send(i->second, std::move(message));
  mesh::publish_events events;
  for (auto position : fx.changed) {
    auto& x = rows[position].row;
    st.ended.count(x);
    if (x.state == job_state::failed)
      spdlog::info("dispatcher: job {} ({}) failed: {}{}", x.id.str(), x.spec.kind, x.last_error.message, cause_of(x));
    for (auto& e : events_of(x, st.config.wanted))
      events.events.push_back(std::move(e));
    tell_observer(self, x);
  }
  for (auto position : fx.rerun)
    st.ended.count_rerun(rows[position].row);
  if (st.queue)
    add_moved_parents(st, events);
  for (auto& x : fx.nodes)
    events.events.push_back(node_event(x));
  if (!events.events.empty() && st.peers.notifier)
    self->send(st.peers.notifier, std::move(events));
}

// -- commits ----------------------------------------------------------------------------------------------------------

void answer_all(answers& waiting, const error* err) {
  for (auto& f : std::exchange(waiting, {}))
    f(err);
}

/// Memory and store may differ now: drop memory, answer everybody, read again. The read takes time with the number of
/// jobs in memory, and undoing the batch would not. But an undo needs what every record was before (placing, limits,
/// dependents, leases, keys), kept at every commit for one that hardly ever comes, and rules of its own that only a
/// broken disk would test; the read is what each start does. It is bounded in time instead: at once the first time,
/// then, until a commit works again, ever more rarely. Meanwhile requests are answered with what is wrong.
void drop_memory(dispatcher_ptr self, const error& err) {
  auto& st = self->state;
  spdlog::error("dispatcher: a commit failed, the queue is read again from the database: {}", err.message);
  st.queue.reset();
  st.catalogue = {};
  if (!is_about_rows(err))
    st.cause = err;
  answer_all(st.waiting, &err);
  auto wait = st.reload_delay;
  st.reload_delay = std::clamp(2 * wait, st.config.recovery_delay, st.config.max_recovery_delay);
  if (wait == milliseconds{0})
    start_recovery(self);
  else
    self->delayed_send(self, wait, recover_atom::value);
}

consequences ended(const dispatcher_state& st, const job& x) {
  try {
    return st.config.on_ended(x);
  } catch (const std::exception& e) {
    spdlog::error("dispatcher: what the end of job {} means for the catalogue can't be told: {}{}", x.id.str(),
                  e.what(), cause_of(x));
    return {};
  }
}

void add_ended(dispatcher_state& st, const batch& taken) {
  if (!st.config.on_ended)
    return;
  for (auto position : taken.effects.changed) {
    auto& x = taken.rows[position].row;
    if (x.state != job_state::failed && x.state != job_state::cancelled)
      continue;
    auto more = ended(st, x);
    auto& c = st.catalogue;
    std::move(more.catalogue.ingested.begin(), more.catalogue.ingested.end(), std::back_inserter(c.ingested));
    std::move(more.catalogue.states.begin(), more.catalogue.states.end(), std::back_inserter(c.states));
  }
}

void committed(dispatcher_ptr self, const ports::unit_of_work& unit, effects& fx, answers& waiting) {
  auto& st = self->state;
  st.commit_in_flight = false;
  st.cause = error{errc::none, {}};
  st.reload_delay = milliseconds{0};
  if (!unit.catalogue.empty() && st.config.catalogue_changed)
    st.config.catalogue_changed();
  // The journal writes while these effects are performed; those of its next commit wait for that commit.
  if (st.queue && st.queue->pending_rows() >= full_commit)
    flush(self);
  // Answers before effects: a worker takes nothing before it has its welcome.
  answer_all(waiting, nullptr);
  perform(self, fx, unit.jobs);
  if (st.queue && (st.flush_wanted || st.queue->dirty() || !st.waiting.empty()))
    queue_flush(self);
}

void commit(dispatcher_ptr self, batch taken) {
  auto& st = self->state;
  auto unit = std::make_shared<ports::unit_of_work>();
  unit->jobs = std::move(taken.rows);
  unit->removed_jobs = std::move(taken.removed);
  unit->queues = std::move(taken.queues);
  unit->nodes = std::move(taken.nodes);
  unit->catalogue = std::exchange(st.catalogue, {});
  auto fx = std::make_shared<effects>(std::move(taken.effects));
  auto waiting = std::make_shared<answers>(std::exchange(st.waiting, {}));
  st.commit_in_flight = true;
  self->request(st.peers.journal, caf::infinite, commit_jobs{unit})
    .then([self, unit, fx, waiting](const mesh::done&) { committed(self, *unit, *fx, *waiting); },
          [self, waiting](caf::error& e) {
            self->state.commit_in_flight = false;
            auto err = mesh::from_caf(e);
            answer_all(*waiting, &err);
            drop_memory(self, err);
          });
}

void recovered(dispatcher_ptr self, recovery& got) {
  auto& st = self->state;
  st.recovering = false;
  st.term_raised = true;
  auto count = got.jobs->jobs.size();
  st.queue = std::make_unique<job_queue>(st.config.queue, *st.config.time, [self] { return self->state.random(); });
  if (st.config.term)
    *st.config.term = got.term;
  auto& life = *st.config.life;
  if (life == 0)
    life = got.term;
  st.queue->recover(got.term, life, std::move(*got.jobs));
  // Whoever was here has to say hello again.
  for (auto& x : listed_nodes(st))
    st.nodes.changed({x.rules.name});
  st.tick_at = mono_time::max();
  // Workers know the queue again by saying hello; until then their leases run.
  st.links.clear();
  st.link_owners.clear();
  spdlog::info("dispatcher: {} jobs in memory, term {}", count, got.term);
  if (auto ready = std::exchange(st.config.ready, nullptr))
    ready(self);
  // Not at once: a start has enough to do.
  if (!std::exchange(st.purging, true))
    self->delayed_send(self, std::min(st.config.purge_interval, first_purge), purge_atom::value);
  queue_flush(self);
}

} // namespace

error not_now(const dispatcher_state& st) {
  if (st.cause.code != errc::none)
    return st.cause;
  return {errc::unavailable, "the job queue is being read from the database; try again in a moment"};
}

void queue_flush(dispatcher_ptr self) {
  auto& st = self->state;
  st.flush_wanted = true;
  if (!st.flush_queued && !st.commit_in_flight) {
    st.flush_queued = true;
    self->send(self, flush_atom::value);
  }
}

void flush(dispatcher_ptr self) {
  auto& st = self->state;
  st.flush_queued = false;
  if (!st.queue || st.commit_in_flight)
    return;
  st.flush_wanted = false;
  st.queue->assign();
  auto taken = st.queue->take();
  add_ended(st, taken);
  add_changed_nodes(st, taken.effects);
  schedule_tick(self);
  if (taken.needs_commit())
    return commit(self, std::move(taken));
  answer_all(st.waiting, nullptr);
  perform(self, taken.effects, taken.rows);
}

void start_recovery(dispatcher_ptr self) {
  auto& st = self->state;
  if (st.recovering)
    return;
  st.recovering = true;
  self->request(st.peers.journal, caf::infinite, recover_jobs{!st.term_raised})
    .then([self](recovery& got) { recovered(self, got); },
          [self](caf::error& e) {
            self->state.recovering = false;
            self->state.cause = mesh::from_caf(e);
            spdlog::error("dispatcher: can't read the queue, trying again: {}", self->state.cause.message);
            self->delayed_send(self, self->state.config.recovery_delay, recover_atom::value);
          });
}

void on_tick(dispatcher_ptr self) {
  auto& st = self->state;
  const auto due = std::exchange(st.tick_at, mono_time::max());
  if (!st.queue)
    return;
  // The process was stopped, or had no processor: renewals wait behind this message, and nobody is lost for that.
  if (const auto now = st.config.time->mono(); due < now && now - due > st.config.queue.lease / 3) {
    spdlog::warn("dispatcher: it stood still for {} ms; every worker has a lease of {} ms to be heard in",
                 (now - due).count(), st.config.queue.lease.count());
    st.queue->stood_still();
  }
  st.queue->tick();
  // Also when nothing was due: the flush sets the timer of the next deadline.
  queue_flush(self);
}

} // namespace troupe::dispatch

#include "actors/dispatch/dispatcher.hpp"

#include <spdlog/spdlog.h>

namespace troupe::dispatch {

namespace {

using self_ptr = dispatcher_self::stateful_pointer<dispatcher_state>;

const error recovering_error{errc::unavailable, "the job queue is being read from the database; try again in a moment"};

constexpr std::chrono::seconds history_timeout{10};

/// With so many rows pending the next commit starts at once. With fewer it waits for what the answers to the last one
/// set off: a sync for one row costs as much as one for all of them.
constexpr size_t full_commit = 64;

void start_recovery(self_ptr self);
void flush(self_ptr self);

void queue_flush(self_ptr self) {
  auto& st = self->state;
  if (!st.flush_queued && !st.commit_in_flight) {
    st.flush_queued = true;
    self->send(self, flush_atom::value);
  }
}

void schedule_tick(self_ptr self) {
  auto& st = self->state;
  if (!st.queue)
    return;
  auto next = st.queue->next_deadline();
  if (next == mono_time::max() || next >= st.tick_at)
    return;
  st.tick_at = next;
  auto wait = std::max(milliseconds{1}, next - st.clocks.mono());
  self->delayed_send(self, wait, tick_atom::value);
}

// -- effects, after the commit ----------------------------------------------------------------------------------------

void tell_observer(self_ptr self, const job& x) {
  auto& st = self->state;
  if (st.peers.observer && st.config.observed && st.config.observed(x))
    self->send(st.peers.observer, job_changed{std::make_shared<const job>(x)});
}

/// `rows` are those that the effects were taken with.
void perform(self_ptr self, effects& fx, const std::vector<ports::job_change>& rows) {
  auto& st = self->state;
  std::unordered_map<worker_id, mesh::assign> by_worker;
  for (auto& [worker, what] : fx.assignments)
    by_worker[worker].jobs.push_back(std::move(what));
  for (auto& [worker, message] : by_worker)
    if (auto i = st.links.find(worker); i != st.links.end())
      self->send(i->second, std::move(message));
  std::unordered_map<worker_id, mesh::revoke> revoked;
  for (auto& [worker, token] : fx.revocations)
    revoked[worker].leases.push_back(token);
  for (auto& [worker, message] : revoked)
    if (auto i = st.links.find(worker); i != st.links.end())
      self->send(i->second, std::move(message));
  mesh::publish_events events;
  for (auto position : fx.changed) {
    auto& x = rows[position].row;
    for (auto& e : events_of(x, st.config.wanted))
      events.events.push_back(std::move(e));
    tell_observer(self, x);
  }
  if (!events.events.empty() && st.peers.notifier)
    self->send(st.peers.notifier, std::move(events));
}

// -- commits ----------------------------------------------------------------------------------------------------------

void answer_all(std::vector<std::function<void(const error*)>>& waiting, const error* err) {
  for (auto& f : waiting)
    f(err);
  waiting.clear();
}

/// Memory and store may differ now: drop memory, answer everybody, read again.
void drop_memory(self_ptr self, const error& err) {
  auto& st = self->state;
  spdlog::error("dispatcher: a commit failed, the queue is read again from the database: {}", err.message);
  st.queue.reset();
  st.catalogue = {};
  answer_all(st.waiting, &err);
  start_recovery(self);
}

void add_ended(dispatcher_state& st, const batch& taken) {
  if (!st.config.on_ended)
    return;
  for (auto position : taken.effects.changed) {
    auto& x = taken.rows[position].row;
    if (x.state != job_state::failed && x.state != job_state::cancelled)
      continue;
    auto more = st.config.on_ended(x);
    auto& c = st.catalogue;
    std::move(more.catalogue.ingested.begin(), more.catalogue.ingested.end(), std::back_inserter(c.ingested));
    std::move(more.catalogue.states.begin(), more.catalogue.states.end(), std::back_inserter(c.states));
  }
}

void commit(self_ptr self, unit_ptr unit, effects taken) {
  auto& st = self->state;
  auto fx = std::make_shared<effects>(std::move(taken));
  auto answers = std::make_shared<std::vector<std::function<void(const error*)>>>(std::move(st.waiting));
  st.waiting.clear();
  st.commit_in_flight = true;
  self->request(st.peers.journal, caf::infinite, commit_jobs{unit})
    .then(
      [self, unit, fx, answers](const mesh::done&) {
        auto& state = self->state;
        state.commit_in_flight = false;
        if (!unit->catalogue.empty() && state.config.catalogue_changed)
          state.config.catalogue_changed();
        // The journal writes while these effects are performed; those of its next commit wait for that commit.
        if (state.queue && state.queue->pending_rows() >= full_commit)
          flush(self);
        perform(self, *fx, unit->jobs);
        answer_all(*answers, nullptr);
        if (state.queue && (state.queue->dirty() || !state.waiting.empty()))
          queue_flush(self);
      },
      [self, answers](caf::error& e) {
        self->state.commit_in_flight = false;
        auto err = mesh::from_caf(e);
        answer_all(*answers, &err);
        drop_memory(self, err);
      });
}

void flush(self_ptr self) {
  auto& st = self->state;
  if (!st.queue || st.commit_in_flight)
    return;
  st.queue->assign();
  auto taken = st.queue->take();
  add_ended(st, taken);
  schedule_tick(self);
  if (!taken.needs_commit()) {
    perform(self, taken.effects, taken.rows);
    answer_all(st.waiting, nullptr);
    return;
  }
  auto unit = std::make_shared<ports::unit_of_work>();
  unit->jobs = std::move(taken.rows);
  unit->removed_jobs = std::move(taken.removed);
  unit->queues = std::move(taken.queues);
  unit->catalogue = std::exchange(st.catalogue, {});
  commit(self, std::move(unit), std::move(taken.effects));
}

void start_recovery(self_ptr self) {
  auto& st = self->state;
  if (st.recovering)
    return;
  st.recovering = true;
  self->request(st.peers.journal, caf::infinite, recover_jobs{!st.term_raised})
    .then(
      [self](recovery& got) {
        auto& state = self->state;
        state.recovering = false;
        state.term_raised = true;
        auto count = got.jobs->jobs.size();
        state.queue = std::make_unique<job_queue>(state.config.queue, state.clocks, [self] {
          return self->state.random();
        });
        auto& life = *state.config.life;
        if (life == 0)
          life = got.term;
        state.queue->recover(got.term, life, std::move(*got.jobs));
        state.tick_at = mono_time::max();
        // Workers know the queue again by saying hello; until then their leases run.
        state.links.clear();
        state.link_owners.clear();
        spdlog::info("dispatcher: {} jobs in memory, term {}", count, got.term);
        queue_flush(self);
      },
      [self](caf::error& e) {
        auto& state = self->state;
        state.recovering = false;
        spdlog::error("dispatcher: can't read the queue, trying again: {}", mesh::from_caf(e).message);
        self->delayed_send(self, state.config.recovery_delay, recover_atom::value);
      });
}

/// Answers `reply` with `value` once what has just been changed is committed.
template <class T>
void answer_when_committed(self_ptr self, caf::typed_response_promise<T> reply, T value) {
  self->state.waiting.push_back([reply, value = std::move(value)](const error* err) mutable {
    if (err)
      reply.deliver(mesh::to_caf(*err));
    else
      reply.deliver(std::move(value));
  });
  queue_flush(self);
}

// -- handlers ---------------------------------------------------------------------------------------------------------

void submit_now(self_ptr self, std::vector<job_spec> specs, const std::vector<job>& history,
                caf::typed_response_promise<mesh::submitted> reply) {
  auto& st = self->state;
  if (!st.queue) {
    reply.deliver(mesh::to_caf(recovering_error));
    return;
  }
  auto receipts = st.queue->submit(std::move(specs), history);
  if (!receipts) {
    reply.deliver(mesh::to_caf(receipts.error()));
    return;
  }
  answer_when_committed(self, reply, mesh::submitted{std::move(*receipts)});
}

/// Dependencies that are no longer in memory are looked up in the history, one after the other, before the submission.
void look_up_dependencies(self_ptr self, std::vector<job_id> left, std::vector<job> found,
                          std::shared_ptr<std::vector<job_spec>> specs,
                          caf::typed_response_promise<mesh::submitted> reply) {
  if (left.empty())
    return submit_now(self, std::move(*specs), found, reply);
  auto id = left.back();
  left.pop_back();
  self->request(self->state.peers.history, history_timeout, mesh::get_job{id})
    .then(
      [=](mesh::job_with_children& x) mutable {
        found.push_back(std::move(x.item));
        look_up_dependencies(self, std::move(left), std::move(found), specs, reply);
      },
      [=](caf::error& e) mutable {
        // One that exists nowhere is the submission's mistake, and the queue says so.
        if (mesh::from_caf(e).code != errc::not_found) {
          reply.deliver(std::move(e));
          return;
        }
        look_up_dependencies(self, std::move(left), std::move(found), specs, reply);
      });
}

caf::result<mesh::submitted> on_submit(self_ptr self, mesh::submit_jobs& x) {
  auto& st = self->state;
  if (!st.queue)
    return mesh::to_caf(recovering_error);
  auto reply = self->make_response_promise<mesh::submitted>();
  auto unknown = st.queue->unknown_dependencies(x.specs);
  if (unknown.empty())
    submit_now(self, std::move(x.specs), {}, reply);
  else
    look_up_dependencies(self, std::move(unknown), {}, std::make_shared<std::vector<job_spec>>(std::move(x.specs)),
                         reply);
  return reply;
}

caf::result<job> on_action(self_ptr self, const mesh::act_on_job& x) {
  auto& st = self->state;
  if (!st.queue)
    return mesh::to_caf(recovering_error);
  auto act = [&]() -> result<job> {
    switch (x.action) {
      case mesh::job_action::cancel:
        return st.queue->cancel(x.id);
      case mesh::job_action::retry:
        return st.queue->retry(x.id);
      case mesh::job_action::promote:
        return st.queue->promote(x.id);
      case mesh::job_action::remove:
        break;
    }
    auto* found = st.queue->find(x.id);
    job before = found ? *found : job{};
    TROUPE_TRY(st.queue->remove(x.id));
    return before;
  };
  auto after = act();
  if (!after)
    return mesh::to_caf(after.error());
  auto reply = self->make_response_promise<job>();
  answer_when_committed(self, reply, std::move(*after));
  return reply;
}

caf::result<mesh::job_with_children> on_get(self_ptr self, const mesh::get_job& x) {
  auto& st = self->state;
  // What memory says may not be committed yet: then the answer waits with it.
  if (auto* found = st.queue ? st.queue->find(x.id) : nullptr) {
    auto reply = self->make_response_promise<mesh::job_with_children>();
    mesh::job_with_children answer{*found, st.queue->children_of(x.id)};
    if (st.queue->dirty() || st.commit_in_flight)
      answer_when_committed(self, reply, std::move(answer));
    else
      reply.deliver(std::move(answer));
    return reply;
  }
  return self->delegate(st.peers.history, x);
}

caf::result<mesh::queue_list> on_change_queue(self_ptr self, const mesh::change_queue& x) {
  auto& st = self->state;
  if (!st.queue)
    return mesh::to_caf(recovering_error);
  auto settings = st.queue->settings_of(x.name);
  if (!settings)
    return mesh::to_caf(settings.error());
  if (x.paused >= 0)
    settings->paused = x.paused > 0;
  if (x.max_running >= 0)
    settings->max_running = static_cast<uint32_t>(x.max_running);
  if (x.max_depth >= 0)
    settings->max_depth = static_cast<uint32_t>(x.max_depth);
  auto changed = st.queue->change_queue(*settings);
  if (!changed)
    return mesh::to_caf(changed.error());
  auto reply = self->make_response_promise<mesh::queue_list>();
  answer_when_committed(self, reply, mesh::queue_list{st.queue->queues()});
  return reply;
}

caf::result<worker_welcome> on_hello(self_ptr self, const worker_hello& hello, const mesh::worker_link& link) {
  auto& st = self->state;
  if (hello.protocol_version != worker_protocol_version)
    return mesh::to_caf({errc::protocol, "worker " + hello.node_name + " speaks protocol version "
                                           + std::to_string(hello.protocol_version) + ", this coordinator "
                                           + std::to_string(worker_protocol_version)
                                           + "; install the same version of Troupe on both"});
  if (!st.queue)
    return mesh::to_caf(recovering_error);
  if (auto old = st.links.find(hello.id); old != st.links.end())
    st.link_owners.erase(old->second.address());
  st.links[hello.id] = link;
  st.link_owners[link.address()] = hello.id;
  self->monitor(link);
  worker_welcome welcome;
  welcome.revoked = st.queue->join(hello);
  welcome.term = st.queue->term();
  welcome.lease = st.config.queue.lease;
  welcome.data_folder = st.config.data_folder;
  welcome.data_id = st.config.data_id;
  spdlog::info("dispatcher: worker {} ({}) joined, holds {}", hello.node_name, hello.id.str(), hello.held.size());
  auto reply = self->make_response_promise<worker_welcome>();
  answer_when_committed(self, reply, std::move(welcome));
  return reply;
}

void on_progress(self_ptr self, const mesh::report_progress& x) {
  auto& st = self->state;
  if (!st.queue)
    return;
  mesh::publish_events events;
  for (auto& report : x.reports) {
    if (!st.queue->progress(x.worker, report))
      continue;
    if (auto* item = st.queue->find(report.token.job))
      for (auto& e : progress_events_of(*item, st.config.wanted))
        events.events.push_back(std::move(e));
  }
  if (!events.events.empty() && st.peers.notifier)
    self->send(st.peers.notifier, std::move(events));
  if (st.queue->dirty())
    queue_flush(self);
}

void append(ports::catalogue_changes& to, ports::catalogue_changes&& from) {
  auto move_all = [](auto& dst, auto& src) {
    std::move(src.begin(), src.end(), std::back_inserter(dst));
  };
  move_all(to.found, from.found);
  move_all(to.ingested, from.ingested);
  move_all(to.states, from.states);
  move_all(to.renditions, from.renditions);
}

/// Publishes what a completed attempt made; turns the outcome into a failure when its result makes no sense.
void publish(self_ptr self, const job& item, attempt_outcome& outcome) {
  auto& st = self->state;
  if (!st.config.on_completed)
    return;
  auto made = st.config.on_completed(item, outcome.result);
  if (!made) {
    outcome.end = attempt_end::failed;
    outcome.failure = made.error();
    outcome.cls = error_class::permanent;
    return;
  }
  if (!made->follow_ups.empty()) {
    auto receipts = st.queue->submit(std::move(made->follow_ups));
    if (!receipts) {
      // A full queue: the work is done again later rather than lost.
      outcome.end = attempt_end::failed;
      outcome.failure = receipts.error();
      outcome.cls = default_class(receipts.error().code);
      return;
    }
  }
  append(st.catalogue, std::move(made->catalogue));
}

caf::result<mesh::handed_in> on_hand_in(self_ptr self, mesh::hand_in& x) {
  auto& st = self->state;
  if (!st.queue)
    return mesh::to_caf(recovering_error);
  mesh::handed_in answer;
  for (auto& outcome : x.outcomes) {
    auto token = outcome.token;
    auto* item = st.queue->holds(x.worker, token) ? st.queue->find(token.job) : nullptr;
    if (item && outcome.end == attempt_end::completed)
      publish(self, *item, outcome);
    if (!item || !st.queue->hand_in(x.worker, outcome))
      answer.stale.push_back(token);
  }
  auto reply = self->make_response_promise<mesh::handed_in>();
  answer_when_committed(self, reply, std::move(answer));
  return reply;
}

void on_link_down(self_ptr self, const caf::down_msg& x) {
  auto& st = self->state;
  auto i = st.link_owners.find(x.source);
  if (i == st.link_owners.end())
    return;
  auto worker = i->second;
  st.link_owners.erase(i);
  st.links.erase(worker);
  spdlog::warn("dispatcher: the link to worker {} is down; its leases run on", worker.str());
  if (st.queue) {
    st.queue->unreachable(worker);
    queue_flush(self);
  }
}

} // namespace

dispatcher_self::behavior_type dispatcher_actor(self_ptr self, dispatcher_config config, dispatcher_peers peers) {
  auto& st = self->state;
  st.config = std::move(config);
  st.peers = std::move(peers);
  std::random_device seed;
  st.random.seed((static_cast<uint64_t>(seed()) << 32) ^ seed());
  self->set_down_handler([self](const caf::down_msg& x) {
    on_link_down(self, x);
  });
  start_recovery(self);
  return {
    [self](mesh::submit_jobs& x) {
      return on_submit(self, x);
    },
    [self](const mesh::act_on_job& x) {
      return on_action(self, x);
    },
    [self](const mesh::get_job& x) {
      return on_get(self, x);
    },
    [self](const mesh::explain_job& x) -> caf::result<mesh::job_explanation> {
      if (!self->state.queue)
        return mesh::to_caf(recovering_error);
      auto why = self->state.queue->explain(x.id);
      if (!why)
        return mesh::to_caf(why.error());
      return mesh::job_explanation{why->state, std::move(why->reasons)};
    },
    [self](const mesh::get_queues&) -> caf::result<mesh::queue_list> {
      if (!self->state.queue)
        return mesh::to_caf(recovering_error);
      return mesh::queue_list{self->state.queue->queues()};
    },
    [self](const mesh::change_queue& x) {
      return on_change_queue(self, x);
    },
    [self](const mesh::get_workers&) -> caf::result<mesh::worker_list> {
      if (!self->state.queue)
        return mesh::to_caf(recovering_error);
      return mesh::worker_list{self->state.queue->workers()};
    },
    [self](const job_query& x) -> caf::result<job_page> {
      return self->delegate(self->state.peers.history, x);
    },
    [self](const worker_hello& hello, const mesh::worker_link& link) {
      return on_hello(self, hello, link);
    },
    [self](const mesh::renew_leases& x) -> caf::result<mesh::leases_renewed> {
      if (!self->state.queue)
        return mesh::to_caf(recovering_error);
      auto renewed = self->state.queue->renew(x.worker, x.held);
      return mesh::leases_renewed{std::move(renewed.revoked), renewed.known};
    },
    [self](const mesh::report_progress& x) {
      on_progress(self, x);
    },
    [self](mesh::hand_in& x) {
      return on_hand_in(self, x);
    },
    [self](const mesh::change_credit& x) {
      if (self->state.queue) {
        self->state.queue->set_credit(x.worker, x.credit);
        queue_flush(self);
      }
    },
    [self](const mesh::leave& x) -> caf::result<mesh::done> {
      if (!self->state.queue)
        return mesh::to_caf(recovering_error);
      self->state.queue->leave(x.worker);
      auto reply = self->make_response_promise<mesh::done>();
      answer_when_committed(self, reply, mesh::done{});
      return reply;
    },
    [self](flush_atom) {
      self->state.flush_queued = false;
      flush(self);
    },
    [self](tick_atom) {
      self->state.tick_at = mono_time::max();
      if (self->state.queue) {
        self->state.queue->tick();
        queue_flush(self);
      }
    },
    [self](recover_atom) {
      start_recovery(self);
    },
  };
}

} // namespace troupe::dispatch

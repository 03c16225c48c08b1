#include "tests/unit/actors/dispatch/world.hpp"

#include <algorithm>

namespace troupe::dispatch::test {

world::world(uint64_t seed) : rng_(seed) {
  keep_completed_ = static_cast<uint32_t>(1 + pick(10));
  keep_failed_ = static_cast<uint32_t>(1 + pick(10));
  auto n = 1 + pick(5);
  for (uint64_t i = 0; i < n; ++i) {
    sim_worker w;
    w.hello.node_name = "node-" + std::to_string(i);
    w.hello.embedded = i == 0 && chance(50);
    w.hello.kinds =
      chance(70) ? std::vector<std::string>{"noop", "status_check", "download"} : std::vector<std::string>{"noop"};
    for (auto q : {"default", "downloads", "video"})
      if (chance(85))
        w.hello.credit.push_back({q, static_cast<uint32_t>(1 + pick(3))});
    for (auto c : {"library:a", "library:b"})
      if (chance(50))
        w.hello.capabilities.push_back(c);
    workers_.push_back(std::move(w));
  }
  restart();
}

void world::restart() {
  ++met["restart"];
  queue_config config;
  config.lease = lease;
  config.max_interruptions = max_interruptions;
  config.keep_completed = keep_completed_;
  config.keep_failed = keep_failed_;
  config.defaults = {{"default", false, 0, 30}, {"downloads", false, 2, 30}, {"kind:status_check", false, 1, 30}};
  queue_ = std::make_unique<job_queue>(config, clock_, [this] { return rng_(); });
  flying_.clear();
  next_ = {};
  lease_ends_.clear();
  delayed_since_.clear();
  queued_since_.clear();
  ports::recovered_jobs r;
  for (auto& [id, row] : rows_) {
    if (!row.archived)
      r.jobs.push_back(row);
    else if (!row.spec.submission_id.empty())
      r.archived_submissions.emplace_back(row.spec.submission_id, id);
  }
  for (auto& [_, s] : settings_rows_)
    r.queues.push_back(s);
  for (auto& [_, n] : node_rows_)
    r.nodes.push_back(n);
  queue_->recover(++term_, std::move(r));
  for (auto& w : workers_) {
    w.online = false;
    // An embedded worker dies with the coordinator's process.
    if (w.hello.embedded) {
      w.items.clear();
      w.hello.id = {};
    }
  }
  due_.clear();
  // A restart may shorten a delay.
  for (auto* j : jobs())
    if (j->state == job_state::delayed)
      due_[j->id] = clock_.now;
  check_recovered();
  handed_on_.clear();
  check_handed_on();
  for (auto* j : jobs())
    rules_of_lease(*j);
}

void world::run() {
  auto steps = 30 + pick(60);
  for (uint64_t i = 0; i < steps; ++i)
    step();
  settle();
}

void world::step() {
  ++met[calm_ ? "steps to settle" : "steps"];
  client_acts();
  check_handed_on();
  workers_act();
  check_delays();
  if (!calm_)
    disturb();
  check_handed_on();
  place();
  advance(milliseconds{calm_ ? pick(12'000) : chance(80) ? pick(2'000) : pick(12'000)});
  if (calm_ || chance(80))
    take();
  commit_some();
  check_world();
}

void world::advance(milliseconds by) {
  clock_.now += by;
  auto before = snapshot();
  queue_->tick();
  PROMISE(queue_->next_deadline() > clock_.mono(), "no deadline is left behind");
  check_tick(before);
  check_handed_on();
  check_delays();
}

void world::place() {
  auto before = snapshot();
  queue_->assign();
  check_placing(before);
}

void world::take() {
  for (auto id : queue_->take_moved_parents())
    PROMISE(queue_->find(id) && queue_->find(id)->delegated(), "only who has handed work on moves with it");
  bool dirty = queue_->dirty();
  next_.what = queue_->take();
  PROMISE(dirty || !next_.what.needs_commit(), "what is to be written is announced");
  PROMISE(!queue_->dirty(), "taken is taken");
  check_retention();
  check_revoked();
  flying_.push_back(std::exchange(next_, {}));
}

void world::commit_some() {
  while (!flying_.empty() && (calm_ || chance(70))) {
    if (!calm_ && chance(3)) {
      ++met["commit failed"];
      restart();
      return;
    }
    commit(flying_.front());
    if (!calm_ && chance(2)) {
      // Killed after the commit and before any of its effects.
      restart();
      return;
    }
    perform(flying_.front());
    flying_.erase(flying_.begin());
  }
}

void world::commit(in_flight& f) {
  check_rows(f);
  for (auto id : f.what.removed)
    rows_.erase(id);
  for (auto& c : f.what.rows) {
    check_unique(c.row);
    rows_[c.row.id] = c.row;
  }
  for (auto& s : f.what.queues)
    settings_rows_[s.name] = s;
  for (auto& n : f.what.nodes) {
    if (n.by_score)
      ++met[n.state == node_state::quarantined ? "quarantined" : "spared"];
    node_rows_[n.name] = n;
  }
}

void world::perform(in_flight& f) {
  check_effects(f);
  for (auto id : f.acks)
    if (!removal_asked_.contains(id)) {
      PROMISE(rows_.contains(id), "an acknowledged job is in the database");
      acknowledged_.insert(id);
    }
  for (auto id : f.removals)
    PROMISE(!rows_.contains(id), "a removed job is gone");
  for (auto& [id, token] : f.answers)
    if (auto* w = worker(id); w && chance(90))
      std::erase_if(w->items, [&, t = token](auto& i) { return i.what.token == t; });
  for (auto& [id, token] : f.what.effects.revocations)
    if (auto* w = worker(id); w && w->online && chance(90))
      std::erase_if(w->items, [&, t = token](auto& i) { return i.what.token == t; });
  for (auto& [id, a] : f.what.effects.assignments) {
    old_assignments_.emplace_back(id, a);
    auto* w = worker(id);
    if (w && w->online && (calm_ || chance(95)))
      w->items.push_back({a, clock_.now + milliseconds{pick(calm_ ? 3'000 : 20'000)}});
  }
}

void world::settle() {
  calm_ = true;
  for (auto name : {"default", "downloads", "kind:noop", "kind:status_check"})
    PROMISE(queue_->change_queue({name, false, 0, 1'000}).has_value(), "resumed");
  for (auto& n : queue_->nodes()) {
    n.rules.state = node_state::active;
    n.rules.hours.clear();
    n.rules.slots.clear();
    PROMISE(queue_->set_node(n.rules).has_value(), "back in");
  }
  for (auto& w : workers_) {
    w.stalled_until = {};
    w.hello.credit = {{"default", 8}, {"downloads", 8}};
    if (w.online)
      queue_->set_credit(w.hello.id, w.hello.credit);
  }
  sim_worker able;
  able.hello = {worker_protocol_version,
                worker_id{{rng_() | 1, 7}},
                "able",
                {"noop", "status_check", "download"},
                {{"default", 4}, {"downloads", 4}},
                {"library:a", "library:b"},
                {},
                false};
  workers_.push_back(able);
  auto open = [&] {
    auto all = jobs();
    return std::any_of(all.begin(), all.end(), [](auto* x) { return !is_terminal(x->state); });
  };
  for (int i = 0; i < 3'000 && (open() || !flying_.empty() || queue_->dirty()); ++i) {
    step();
    // A schedule may be hours away after the wall clock went back.
    auto all = jobs();
    if (std::none_of(all.begin(), all.end(),
                     [](auto* x) { return x->state == job_state::queued || x->state == job_state::running; }))
      advance(std::clamp(queue_->next_deadline() - clock_.mono(), milliseconds{0}, milliseconds{86'400'000}));
  }
  for (auto* j : jobs())
    PROMISE(is_terminal(j->state), "every job ends: " + j->id.str() + " is " + std::string{to_string(j->state)});
  for (auto id : acknowledged_) {
    if (removal_asked_.contains(id))
      continue;
    PROMISE(rows_.contains(id), "no acknowledged job is lost");
    PROMISE(is_terminal(rows_[id].state), "every acknowledged job ends");
  }
}

} // namespace troupe::dispatch::test

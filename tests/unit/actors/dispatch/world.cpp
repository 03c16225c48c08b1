#include "tests/unit/actors/dispatch/world.hpp"

#include <algorithm>

namespace troupe::dispatch::test {

namespace {

constexpr milliseconds lease{15'000};
constexpr uint32_t max_interruptions = 6;
const std::vector<std::string> kinds{"noop", "noop", "status_check", "download"};

} // namespace

world::world(uint64_t seed) : rng_(seed) {
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
  config.defaults = {{"default", false, 0, 30}, {"downloads", false, 2, 30}, {"kind:status_check", false, 1, 30}};
  queue_ = std::make_unique<job_queue>(config, clock_, [this] { return rng_(); });
  flying_.clear();
  next_ = {};
  lease_ends_.clear();
  delayed_since_.clear();
  ports::recovered_jobs r;
  for (auto& [id, row] : rows_) {
    if (!row.archived)
      r.jobs.push_back(row);
    else if (!row.spec.submission_id.empty())
      r.archived_submissions.emplace_back(row.spec.submission_id, id);
  }
  for (auto& [_, s] : settings_rows_)
    r.queues.push_back(s);
  queue_->recover(++term_, std::move(r));
  for (auto& w : workers_) {
    w.online = false;
    // An embedded worker dies with the coordinator's process.
    if (w.hello.embedded) {
      w.items.clear();
      w.hello.id = {};
    }
  }
  check_recovered();
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
  workers_act();
  if (!calm_)
    disturb();
  place();
  advance(milliseconds{calm_ ? pick(12'000) : chance(80) ? pick(2'000) : pick(12'000)});
  if (calm_ || chance(80))
    take();
  commit_some();
  check_world();
}

void world::client_acts() {
  if (calm_)
    return;
  if (chance(50))
    submit();
  if (chance(25))
    act_on_job();
  if (chance(8))
    change_settings();
}

void world::submit() {
  std::vector<job_spec> specs(1 + pick(3));
  std::set<job_id> mine;
  for (auto& s : specs) {
    s.kind = kinds[pick(kinds.size())];
    s.priority = static_cast<uint8_t>(pick(11));
    if (chance(60))
      s.submission_id = "s" + std::to_string(chance(20) && submissions_ ? pick(submissions_) : submissions_++);
    if (chance(15))
      s.unique_key = "k" + std::to_string(pick(4));
    if (chance(30))
      s.needs.push_back(chance(50) ? "library:a" : "library:b");
    if (chance(15))
      s.run_at = clock_.wall() + milliseconds{pick(60'000)};
    s.on_dependency_failure = chance(50) ? child_failure::fail : child_failure::proceed;
    for (auto n = pick(3); n > 0 && chance(50); --n)
      if (auto id = random_job(); id && queue_->find(id))
        s.depends_on.push_back(id);
    if (chance(30))
      s.parent = random_job();
    if (chance(50)) {
      s.id = job_id{{rng_() | 1, rng_()}};
      if (!mine.empty() && chance(70))
        s.depends_on.push_back(*mine.begin());
      if (!mine.empty() && chance(40))
        s.parent = *mine.begin();
      mine.insert(s.id);
    }
  }
  auto before = queue_->size();
  auto depths = [&] {
    std::map<std::string, uint64_t> out;
    for (auto* j : jobs())
      if (!is_terminal(j->state)) {
        ++out[j->spec.queue];
        ++out["kind:" + j->spec.kind];
      }
    return out;
  };
  auto depth_before = depths();
  auto got = queue_->submit(specs);
  if (!got) {
    ++met["refused: " + std::string{to_string(got.error().code)}];
    PROMISE(queue_->size() == before, "a refused submission leaves nothing behind");
    PROMISE(got.error().code != errc::rate_limited || got.error().retry_after.count() > 0, "says when to try again");
    return;
  }
  PROMISE(got->size() == specs.size(), "a receipt for each specification");
  for (size_t i = 0; i < specs.size(); ++i) {
    auto& r = (*got)[i];
    if (std::find(ids_.begin(), ids_.end(), r.id) == ids_.end())
      ids_.push_back(r.id);
    next_.acks.push_back(r.id);
    ++met[r.existing ? "existing" : "submitted"];
    if (!r.existing)
      for (auto& [id, row] : rows_)
        PROMISE(specs[i].submission_id.empty() || removal_asked_.contains(id) || row.spec.submission_id != specs[i].submission_id,
                "a submission id makes one job only");
  }
  for (auto& [name, n] : depths())
    PROMISE(n == depth_before[name] || n <= queue_->settings_of(name)->max_depth, "queues are bounded");
}

void world::act_on_job() {
  auto id = random_job();
  auto* found = queue_->find(id);
  if (!found)
    return;
  auto before = *found;
  auto now = [&] { return queue_->find(id)->state; };
  switch (pick(4)) {
  case 0:
    if (auto r = queue_->cancel(id)) {
      ++met["cancel"];
      PROMISE(now() == job_state::cancelled && !is_terminal(before.state), "cancelled at once");
      for (auto child : queue_->children_of(id))
        PROMISE(is_terminal(queue_->find(child)->state), "its children are cancelled with it");
    } else {
      PROMISE(is_terminal(before.state), "only what has ended can not be cancelled");
    }
    break;
  case 1:
    if (auto r = queue_->retry(id)) {
      ++met["retry"];
      next_.retried.insert(id);
      PROMISE(before.state == job_state::failed || before.state == job_state::cancelled, "completed jobs stay so");
      PROMISE(queue_->find(id)->failures == 0 && queue_->find(id)->attempt == before.attempt, "attempts unspent");
    }
    break;
  case 2:
    if (auto r = queue_->promote(id)) {
      ++met["promote"];
      PROMISE(now() == job_state::queued && queue_->find(id)->spec.priority == 1, "promoted");
    }
    break;
  default:
    if (chance(30) && queue_->remove(id)) {
      ++met["remove"];
      PROMISE(is_terminal(before.state), "only what has ended can be removed");
      removal_asked_.insert(id);
    }
  }
}

void world::change_settings() {
  static const std::vector<std::string> names{"default", "downloads", "kind:noop", "kind:status_check"};
  queue_settings s{names[pick(names.size())], chance(30), static_cast<uint32_t>(pick(4)),
                   static_cast<uint32_t>(10 + pick(30))};
  ++met[s.paused ? "pause" : "limit"];
  PROMISE(queue_->change_queue(s).has_value(), "known queues can be changed");
}

void world::workers_act() {
  for (auto& w : workers_)
    if (w.stalled_until <= clock_.now)
      worker_acts(w);
}

void world::worker_acts(sim_worker& w) {
  if (!w.online) {
    if (calm_ || chance(40))
      come_online(w);
    return;
  }
  if (w.next_renewal <= clock_.now && (calm_ || chance(90))) {
    std::vector<lease_token> held;
    for (auto& i : w.items)
      held.push_back(i.what.token);
    auto before = snapshot();
    auto answer = queue_->renew(w.hello.id, held);
    for (auto& t : held) {
      auto i = before.find(t.job);
      bool current = i != before.end() && i->second.state == job_state::running && i->second.lease == t
                     && i->second.worker == w.hello.id;
      bool lost = std::find(answer.revoked.begin(), answer.revoked.end(), t) != answer.revoked.end();
      PROMISE(current != lost, "exactly the leases that are not its own are revoked");
      if (current)
        lease_ends_[t.job] = clock_.now + lease;
    }
    std::erase_if(w.items, [&](auto& i) {
      return std::find(answer.revoked.begin(), answer.revoked.end(), i.what.token) != answer.revoked.end();
    });
    if (!answer.known)
      come_online(w);
    w.next_renewal = clock_.now + lease / 3;
  }
  for (auto item : std::vector<work_item>(w.items)) {
    if (chance(20)) {
      auto* j = queue_->find(item.what.token.job);
      bool current =
        j && j->state == job_state::running && j->token() == item.what.token && j->lease_worker == w.hello.id;
      job_progress p{double(pick(100)) / 100, chance(30) ? "stage-" + std::to_string(pick(3)) : "", "working", {}};
      PROMISE(queue_->progress(w.hello.id, {item.what.token, p}) == current, "progress only by the holder");
    }
    if (item.ends <= clock_.now)
      deliver_outcome(w, item.what, false);
  }
  if (!calm_ && !old_assignments_.empty() && chance(15)) {
    // Something from long ago comes again, also from another worker than the one that it was given to.
    auto& old = old_assignments_[pick(old_assignments_.size())];
    auto* owner = chance(50) ? worker(old.first) : &w;
    if (owner && !(owner->online && std::any_of(owner->items.begin(), owner->items.end(), [&](auto& i) {
                     return i.what.token == old.second.token;
                   })))
      deliver_outcome(*owner, old.second, true);
  }
}

void world::come_online(sim_worker& w) {
  if (!w.hello.id || (!calm_ && chance(15))) {
    w.hello.id = worker_id{{rng_() | 1, rng_()}};
    w.items.clear();
  }
  w.hello.held.clear();
  for (auto& i : w.items)
    w.hello.held.push_back(i.what.token);
  auto before = snapshot();
  auto revoked = queue_->join(w.hello);
  for (auto& [id, j] : before) {
    if (j.state != job_state::running || j.worker != w.hello.id)
      continue;
    bool named = std::find(w.hello.held.begin(), w.hello.held.end(), j.lease) != w.hello.held.end();
    auto* now = queue_->find(id);
    PROMISE(!named || (now->state == job_state::running && now->token() == j.lease), "a durable lease is kept");
    PROMISE(named || now->state == job_state::queued || now->state == job_state::failed, "what it lost runs again");
    PROMISE(now->failures == j.failures, "an interruption burns no attempt");
    if (named)
      lease_ends_[id] = clock_.now + lease;
  }
  for (auto& t : revoked)
    PROMISE(!queue_->holds(w.hello.id, t), "a revoked lease is none");
  std::erase_if(w.items,
                [&](auto& i) { return std::find(revoked.begin(), revoked.end(), i.what.token) != revoked.end(); });
  w.online = true;
  w.next_renewal = clock_.now + lease / 3;
}

attempt_outcome world::random_outcome(const assignment& a) {
  attempt_outcome o;
  o.token = a.token;
  o.operation = "work " + a.kind;
  auto n = calm_ ? 0 : pick(100);
  if (n < 55) {
    o.result = "\"" + a.token.str() + "\"";
  } else if (n < 90) {
    o.end = attempt_end::failed;
    o.cls = static_cast<error_class>(pick(4));
    o.failure = error{errc::io, "it broke"};
    if (chance(50))
      o.failure.retry_after = milliseconds{1 + pick(20'000)};
  } else {
    o.end = n < 97 ? attempt_end::released : attempt_end::cancelled;
  }
  return o;
}

void world::deliver_outcome(sim_worker& w, const assignment& a, bool repeat) {
  auto o = random_outcome(a);
  auto* j = queue_->find(a.token.job);
  bool current = j && j->state == job_state::running && j->token() == a.token && j->lease_worker == w.hello.id;
  std::optional<job> before;
  if (j)
    before = *j;
  PROMISE(queue_->holds(w.hello.id, a.token) == current, "only the current token holds");
  bool taken = queue_->hand_in(w.hello.id, o);
  PROMISE(taken == current, "an outcome counts when its token is the current one, and only then");
  if (taken) {
    check_outcome(*before, o);
    next_.answers.emplace_back(w.hello.id, a.token);
  } else {
    ++met[repeat ? "stale repeated" : "stale"];
    if (before)
      PROMISE(*queue_->find(a.token.job) == *before, "a stale token changes nothing");
    std::erase_if(w.items, [&](auto& i) { return i.what.token == a.token; });
  }
}

void world::disturb() {
  auto& w = workers_[pick(workers_.size())];
  switch (pick(40)) {
  case 0: // killed; a new process comes later
    ++met["worker killed"];
    w.online = false;
    w.items.clear();
    w.hello.id = {};
    break;
  case 1: // stopped past its lease, or nearly
    ++met["worker stalled"];
    w.stalled_until = clock_.now + milliseconds{pick(40'000)};
    break;
  case 2: // link down
    ++met["link down"];
    if (w.online)
      queue_->unreachable(w.hello.id);
    w.online = false;
    break;
  case 3:
    if (w.online) {
      ++met["worker left"];
      auto before = snapshot();
      queue_->leave(w.hello.id);
      for (auto& [id, j] : before)
        if (j.state == job_state::running && j.worker == w.hello.id)
          PROMISE(queue_->find(id)->state == job_state::queued && queue_->find(id)->failures == j.failures,
                  "a graceful end burns nothing");
      w.online = false;
      w.items.clear();
    }
    break;
  case 4:
    restart();
    break;
  case 5:
    ++met["clock step"];
    clock_.step += milliseconds{chance(50) ? 3'600'000 : -3'600'000};
    break;
  case 6:
    for (auto& c : w.hello.credit)
      c.slots = static_cast<uint32_t>(pick(4));
    if (w.online)
      queue_->set_credit(w.hello.id, w.hello.credit);
    break;
  default:
    break;
  }
}

void world::advance(milliseconds by) {
  clock_.now += by;
  auto before = snapshot();
  queue_->tick();
  PROMISE(queue_->next_deadline() > clock_.mono(), "no deadline is left behind");
  check_tick(before);
}

void world::place() {
  auto before = snapshot();
  queue_->assign();
  check_placing(before);
}

void world::take() {
  bool dirty = queue_->dirty();
  next_.what = queue_->take();
  PROMISE(dirty || !next_.what.needs_commit(), "what is to be written is announced");
  PROMISE(!queue_->dirty(), "taken is taken");
  check_retention();
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
  for (auto& c : f.what.rows)
    rows_[c.row.id] = c.row;
  for (auto id : f.what.removed)
    rows_.erase(id);
  for (auto& s : f.what.queues)
    settings_rows_[s.name] = s;
}

void world::perform(in_flight& f) {
  check_effects(f);
  for (auto id : f.acks)
    if (!removal_asked_.contains(id)) {
      PROMISE(rows_.contains(id), "an acknowledged job is in the database");
      acknowledged_.insert(id);
    }
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

job_id world::random_job() {
  return ids_.empty() ? job_id{} : ids_[ids_.size() - 1 - pick(std::min<size_t>(ids_.size(), 25))];
}

sim_worker* world::worker(worker_id id) {
  for (auto& w : workers_)
    if (w.hello.id == id)
      return &w;
  return nullptr;
}

} // namespace troupe::dispatch::test

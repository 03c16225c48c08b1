// What workers do in a simulated world, and what befalls them.

#include "tests/unit/actors/dispatch/world.hpp"

#include <algorithm>

namespace troupe::dispatch::test {

void world::workers_act() {
  for (auto& w : workers_)
    if (w.stalled_until <= clock_.now) {
      worker_acts(w);
      check_handed_on();
    }
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
    auto old = old_assignments_[pick(old_assignments_.size())];
    // Also what another coordinator gave away, in a term before or after this one.
    if (chance(20))
      old.second.token.term += chance(50) ? 1 : -1;
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
  queue_->set_capabilities(w.hello.id, w.hello.capabilities, w.problems);
}

/// One that is there goes, or one that is gone comes back.
void world::change_mounts(sim_worker& w) {
  std::string name = chance(50) ? "a" : "b";
  auto problem = "library " + name + " is empty";
  auto& have = w.hello.capabilities;
  if (std::erase(have, "library:" + name) > 0) {
    ++met["mount gone"];
    w.problems.push_back(problem);
  } else {
    have.push_back("library:" + name);
    std::erase(w.problems, problem);
  }
  if (w.online)
    queue_->set_capabilities(w.hello.id, have, w.problems);
}

/// Mostly one that makes sense.
delegation world::random_delegation(const job* j) {
  delegation d;
  d.jobs.resize(1 + pick(3));
  for (auto& spec : d.jobs) {
    spec.kind = chance(70) ? "noop" : chance(50) ? "status_check" : "download";
    // The same work twice would be a copy, which ends with the first that is done.
    spec.payload = "{\"part\":" + std::to_string(++parts_) + "}";
    if (chance(20))
      spec.needs.push_back(chance(50) ? "library:a" : "library:b");
    if (chance(10))
      spec.run_at = clock_.wall() + milliseconds{pick(20'000)};
    d.shares.push_back(static_cast<double>(pick(4)));
  }
  d.next.state = "{\"of\":" + std::to_string(pick(1'000)) + "}";
  d.next.from = static_cast<double>(pick(50)) / 100;
  d.next.to = static_cast<double>(pick(100)) / 100;
  d.next.stage = chance(50) ? "parts" : "";
  if (j && j->delegated())
    for (auto& c : j->next.front().children)
      if (chance(50))
        d.keep.push_back(c.id);
  switch (pick(30)) {
  case 0:
    d.shares.pop_back();
    break;
  case 1:
    d.keep.push_back(random_job());
    break;
  case 2:
    d.jobs.back().kind = "no such kind";
    break;
  case 3:
    d.jobs.back().depends_on.push_back(j ? j->id : random_job());
    break;
  default:
    break;
  }
  return d;
}

attempt_outcome world::random_outcome(const assignment& a) {
  attempt_outcome o;
  o.token = a.token;
  o.operation = "work " + a.kind;
  auto n = calm_ ? 0 : pick(100);
  // Who goes on hands on again more often than others do it at all, or it would hardly be met.
  auto* j = queue_->find(a.token.job);
  if (n >= 10 && n < (j && j->delegated() ? 40 : 20)) {
    o.end = attempt_end::delegated;
    o.handed_on = random_delegation(j);
  } else if (n < 57) {
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
  auto children = queue_->children_of(a.token.job).size();
  PROMISE(queue_->holds(w.hello.id, a.token) == current, "only the current token holds");
  bool taken = queue_->hand_in(w.hello.id, o);
  PROMISE(taken == current, "an outcome counts when its token is the current one, and only then");
  if (taken) {
    if (o.end == attempt_end::delegated)
      check_delegated(*before, o.handed_on, children);
    else
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
  case 7:
    change_mounts(w);
    break;
  default:
    break;
  }
}

sim_worker* world::worker(worker_id id) {
  for (auto& w : workers_)
    if (w.hello.id == id)
      return &w;
  return nullptr;
}

} // namespace troupe::dispatch::test

// What must hold in a simulated cluster.

#include "tests/unit/actors/dispatch/cluster.hpp"

#include <algorithm>

namespace troupe::dispatch::test {

namespace {

/// What a batch says is true since a little before it was taken.
constexpr milliseconds batching{100};

std::string text(uint32_t n, const job& x) {
  return "job " + std::to_string(n) + " (" + x.spec.kind + " of " + x.spec.owner + ", attempt "
         + std::to_string(x.attempt) + " on " + x.worker_name + ")";
}

} // namespace

cluster::line* cluster::line_of(uint32_t n, const job& x) {
  // Owners that have much; of one kind, cost and need, so that only age and work decide.
  if (x.spec.kind != "storyboard" || !x.spec.prefers.empty() || x.spec.owner.starts_with("few"))
    return nullptr;
  (void)n;
  return &lines_[{x.spec.owner, x.spec.priority}];
}

void cluster::take_load(worker_id holder, const job_spec& spec, int sign) {
  auto& l = loads_[holder];
  auto add = [&](auto& to, uint64_t n) { sign > 0 ? to += static_cast<uint32_t>(n) : to -= static_cast<uint32_t>(n); };
  add(l.slots[spec.queue], 1);
  add(l.cores, spec.cost.cores);
  add(l.memory, spec.cost.memory_mib);
  add(l.gpu, spec.cost.gpu_sessions);
  if (!spec.cost.none())
    add(l.costly, 1);
  if (sign > 0)
    touched_.insert(holder);
}

/// A batch says how its jobs are now.
void cluster::digest(const batch& b) {
  auto& sum = figures_.digest;
  auto add = [&](uint64_t x) {
    sum = (sum ^ x) * 0x100000001B3ull;
    sum ^= sum >> 29;
  };
  auto add_id = [&](raw_id x) {
    add(x.hi);
    add(x.lo);
  };
  add(static_cast<uint64_t>(clock_.now.count()));
  for (auto& c : b.rows) {
    add_id(c.row.id.raw);
    add(static_cast<uint64_t>(c.row.state) << 32 | c.row.attempt);
    add(static_cast<uint64_t>(to_ms(c.row.run_at)));
    add_id(c.row.lease_worker.raw);
  }
  for (auto& [worker, a] : b.effects.assignments) {
    add_id(worker.raw);
    add_id(a.token.job.raw);
  }
  for (auto& [worker, token] : b.effects.revocations) {
    add_id(worker.raw);
    add_id(token.job.raw);
  }
}

void cluster::follow(const batch& b) {
  digest(b);
  // What was given back first, so that nothing counts twice.
  for (auto& c : b.rows) {
    auto& v = views_[number_of(c.row.id)];
    if (v.state == job_state::running) {
      take_load(v.holder, c.row.spec, -1);
      check_loss(v, c.row);
      v.holder = {};
    }
  }
  // Starts are judged by what was queued before them: in order of their leases, which is that of the assignments.
  for (auto& c : b.rows) {
    auto& x = c.row;
    auto n = number_of(x.id);
    auto& v = views_[n];
    if (x.state == job_state::queued && v.state != job_state::queued) {
      v.queued_since = clock_.now.count();
      if (auto* l = line_of(n, x))
        l->queued.insert({to_ms(x.created), n});
    }
  }
  std::unordered_map<job_id, const job*> started;
  for (auto& c : b.rows) {
    auto& x = c.row;
    auto& v = views_[number_of(x.id)];
    if (x.state == job_state::running && x.attempt != v.attempt) {
      started[x.id] = &x;
      if (auto* l = line_of(number_of(x.id), x)) // Queued and started between two batches.
        l->queued.insert({to_ms(x.created), number_of(x.id)});
    }
  }
  for (auto& [worker, a] : b.effects.assignments)
    if (auto i = started.find(a.token.job); i != started.end())
      check_start(number_of(a.token.job), *i->second);
  for (auto& c : b.rows) {
    auto& x = c.row;
    auto n = number_of(x.id);
    auto& v = views_[n];
    if (x.state == job_state::running) {
      v.holder = x.lease_worker;
      take_load(v.holder, x.spec, 1);
    } else if (is_terminal(x.state) && !is_terminal(v.state)) {
      --open_;
    }
    if (x.state != job_state::queued)
      if (auto* l = line_of(n, x))
        l->queued.erase({to_ms(x.created), n});
    v.state = x.state;
    v.attempt = x.attempt;
  }
  for (auto& r : b.nodes)
    if (r.by_score)
      ++figures_.met[r.state == node_state::quarantined ? "quarantined" : "spared"];
    else if (r.reason.find("probed") != std::string::npos)
      ++figures_.met["probed back in"];
  check_loads();
}

/// Of a job that ran, in the first batch that says more of it: what is lost runs again within a lease.
void cluster::check_loss(const view& v, const job& x) {
  auto lost = [&](size_t before_the_last) {
    auto n = x.attempts.size();
    return n > before_the_last && x.attempts[n - 1 - before_the_last].end == attempt_end::lost;
  };
  if (!lost(0) || x.attempts.back().number != v.attempt)
    return;
  if (auto died = died_.find(v.holder); died != died_.end()) {
    // One that died unnoticed may have been given it after that.
    auto had_it = clock_.wall() - x.attempts.back().started;
    auto took = std::min(had_it, clock_.now - milliseconds{died->second});
    figures_.longest_until_freed = std::max(figures_.longest_until_freed, took);
    PROMISE(took <= config_.lease + batching,
            "what a dead process ran is taken from it when its lease ends: " + text(number_of(x.id), x) + " after "
              + std::to_string(took.count()) + " ms");
  }
  ++figures_.met[x.state == job_state::delayed ? "lost again" : "lost and rerun"];
  PROMISE(x.state != job_state::delayed || lost(1), "what is lost for the first time is queued at once");
}

void cluster::check_start(uint32_t n, const job& x) {
  ++figures_.starts;
  auto& v = views_[n];
  auto now = clock_.now.count();
  auto waited = milliseconds{v.state == job_state::queued ? now - v.queued_since : 0};
  figures_.longest_wait = std::max(figures_.longest_wait, waited);
  auto host = by_id_.find(x.lease_worker);
  // One that died unnoticed may get work until it is silent for too long.
  if (host != by_id_.end()) {
    auto& h = hosts_[host->second];
    PROMISE(!nodes_[h.node].drained, "a drained node gets no new work: " + text(n, x));
    for (auto& need : x.spec.needs)
      PROMISE(std::count(h.hello.capabilities.begin(), h.hello.capabilities.end(), need) > 0
                || need == node_capability(h.hello.node_name),
              "needs are met");
    PROMISE(std::count(h.hello.kinds.begin(), h.hello.kinds.end(), x.spec.kind) > 0, "its kind is offered");
  }
  if (x.failures + x.interruptions > 0) {
    std::set<std::string> failed;
    for (auto& a : x.attempts)
      if (speaks_against_node(a))
        failed.insert(a.worker);
    if (!failed.contains(x.worker_name)) {
      ++figures_.retries_elsewhere;
    } else {
      ++figures_.retries_same_node;
      PROMISE(waited + batching >= config_.placing.elsewhere_wait || !others_surely_able(x, failed),
              "a retry goes to another node first: " + text(n, x));
    }
  }
  if (x.spec.owner.starts_with("few") && x.attempt == 1 && now - last_crash_ > 300'000) {
    figures_.longest_wait_of_few = std::max(figures_.longest_wait_of_few, waited);
    // fair_shares.hpp: what each owner may be ahead by is bounded; so is what goes before a newcomer.
    PROMISE(waited < milliseconds{300'000}, "an owner with three jobs is not held up by one with very many: "
                                              + text(n, x) + " waited " + std::to_string(waited.count()) + " ms");
  }
  check_lines(n, x);
}

/// job_queue.hpp: nobody is overtaken by what was made later than the longest handicap after it, but for jobs that fit
/// the speed of a node, and of those by less than `by_age_one_in` in a row.
void cluster::check_lines(uint32_t n, const job& x) {
  auto* l = line_of(n, x);
  if (!l)
    return;
  auto self = std::pair{to_ms(x.created), n};
  l->queued.erase(self);
  placing_rules rules;
  const std::pair<int64_t, uint32_t>* oldest = nullptr;
  size_t looked_at = 0;
  for (auto& o : l->queued) {
    // Retries may be waiting for another node.
    auto* j = queue_->find(id_of(o.second));
    if (j && j->failures + j->interruptions == 0 && j->state == job_state::queued) {
      oldest = &o;
      break;
    }
    if (++looked_at > 100)
      break;
  }
  if (!oldest || oldest->first + longest_handicap.count() >= self.first) {
    l->overtaken_in_a_row = 0;
    return;
  }
  ++l->overtaken_in_a_row;
  PROMISE(l->overtaken_in_a_row < rules.by_age_one_in,
          "no job is overtaken for longer than the longest handicap: " + text(n, x) + " made "
            + std::to_string(self.first - oldest->first) + " ms later than job " + std::to_string(oldest->second));
}

void cluster::check_loads() {
  for (auto id : std::exchange(touched_, {})) {
    auto i = by_id_.find(id);
    if (i == by_id_.end())
      continue;
    auto& l = loads_[id];
    auto& h = hosts_[i->second].hello;
    for (auto& [queue, used] : l.slots) {
      if (used == 0)
        continue;
      auto c = std::find_if(h.credit.begin(), h.credit.end(), [&, q = queue](auto& x) { return x.queue == q; });
      PROMISE(used <= c->slots, "never more than the slots of " + h.node_name + ": " + std::to_string(used));
    }
    auto fits = [](uint64_t used, uint32_t of) { return of == 0 || used <= of; };
    PROMISE(
      l.costly <= 1
        || (fits(l.cores, h.tokens.cores) && fits(l.memory, h.tokens.memory_mib) && fits(l.gpu, h.tokens.gpu_sessions)),
      "never more than the tokens of " + h.node_name + ": " + std::to_string(l.cores) + " of "
        + std::to_string(h.tokens.cores) + " cores");
  }
}

bool cluster::others_surely_able(const job& x, const std::set<std::string>& failed) {
  std::set<std::string> open;
  for (auto& n : queue_->nodes())
    if (n.open)
      open.insert(n.rules.name);
  for (auto& w : queue_->workers()) {
    auto offers = [](auto& have, auto& name) { return std::find(have.begin(), have.end(), name) != have.end(); };
    if (failed.contains(w.node_name) || !open.contains(w.node_name) || w.silent >= config_.lease
        || !offers(w.kinds, x.spec.kind))
      continue;
    bool all =
      std::all_of(x.spec.needs.begin(), x.spec.needs.end(), [&](auto& n) { return offers(w.capabilities, n); });
    if (all)
      return true;
  }
  return false;
}

/// What a commit does to the database.
void cluster::check_commit(const flight& f) {
  for (auto& r : f.what.nodes)
    rules_[r.name] = r;
  for (auto& c : f.what.rows) {
    auto& x = c.row;
    auto n = number_of(x.id);
    auto& r = rows_[n];
    PROMISE(c.is_new == !r.there, "is_new says whether the database has it");
    PROMISE(x.attempt >= r.attempt, "attempt numbers rise");
    if (is_terminal(r.state) && r.there)
      PROMISE(x.state == r.state && x.attempt == r.attempt, "what has ended stays so: " + text(n, x));
    if (x.state == job_state::completed) {
      auto& result = x.result;
      auto mine = "\"" + x.id.str() + "-" + std::to_string(x.attempt) + "-";
      PROMISE(result.starts_with(mine), "the result is that of the attempt that counts: " + text(n, x));
    }
    if (is_terminal(x.state) && !(r.there && is_terminal(r.state))) {
      ++ended_;
      ++(x.state == job_state::completed ? figures_.completed : figures_.failed);
    }
    r.there = true;
    r.state = x.state;
    r.priority = x.spec.priority;
    r.attempt = x.attempt;
    r.failures = x.failures;
    r.interruptions = x.interruptions;
    if (auto i = node_index_.find(x.worker_name); i != node_index_.end())
      r.node = i->second;
    r.term = x.lease_term;
    r.worker = x.lease_worker;
    r.created = to_ms(x.created);
    r.run_at = to_ms(x.run_at);
  }
}

void cluster::check_end() {
  for (uint32_t n = 0; n < plan_.jobs; ++n) {
    PROMISE(rows_[n].there, "no acknowledged job is lost: " + std::to_string(n));
    PROMISE(rows_[n].acknowledged || last_crash_ > 0, "every submission is acknowledged");
    PROMISE(is_terminal(rows_[n].state), "every job ends");
  }
  PROMISE(figures_.completed + figures_.failed == plan_.jobs, "each ends once");
}

} // namespace troupe::dispatch::test

// What happens in a simulated cluster.

#include "tests/unit/actors/dispatch/cluster.hpp"

#include <ctime>
#include <malloc.h>

namespace troupe::dispatch::test {

namespace {

constexpr int64_t lease_ms = 30'000;
constexpr int64_t renewal_ms = 10'000;
constexpr int64_t commit_ms = 5;
constexpr int64_t flush_ms = 20;
constexpr int64_t submit_ms = 200;
constexpr uint32_t submit_calls = 1'500;
constexpr uint64_t full = 4'000'000;

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

size_t allocated() {
  auto m = mallinfo2();
  return m.uordblks + m.hblkhd;
}

struct kind_plan {
  const char* kind;
  uint32_t in_hundred;
  /// Seconds, or units of work where it is sized.
  uint32_t least, most;
  bool sized;
};

constexpr kind_plan kind_plans[] = {{"transcode", 12, 20, 400, true}, {"storyboard", 18, 5, 60, true},
                                    {"ingest", 35, 2, 8, false},      {"download", 15, 5, 40, false},
                                    {"scan", 8, 10, 30, false},       {"noop", 12, 1, 2, false}};

const kind_plan& plan_of(std::string_view kind) {
  for (auto& k : kind_plans)
    if (k.kind == kind)
      return k;
  throw std::logic_error("a kind that nobody submits");
}

} // namespace

template <class F>
auto cluster::timed(F call) {
  struct span {
    double& sum;
    double begun = cpu_seconds();
    ~span() {
      sum += cpu_seconds() - begun;
    }
  } counted{in_queue_};
  return call();
}

cluster::cluster(const cluster_plan& plan) : plan_(plan), rng_(plan.seed), rows_(plan.jobs), views_(plan.jobs) {
  config_.lease = milliseconds{lease_ms};
  config_.unfenced = plan.unfenced;
  for (auto q : queue_names())
    config_.defaults.push_back({std::string{q}, false, 0, full});
  config_.placing.longest_handicap = longest_handicap;
  config_.utc_offset = [](timestamp) { return std::chrono::minutes{0}; };
  if (plan.without_aging)
    config_.placing.longest_handicap = milliseconds{1'000'000'000};
  make_nodes();
}

cluster::~cluster() = default;

uint64_t cluster::hashed(uint64_t a, uint64_t b) const {
  auto x = (a + 0x9E3779B97F4A7C15ull * (b + 1)) ^ (plan_.seed * 0xD1B54A32D192ED03ull);
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

void cluster::make_nodes() {
  for (uint32_t i = 0; i < plan_.workers; ++i) {
    sim_node n;
    n.speed = i % 10 == 0 ? 0.3 : i % 4 == 0 ? 2.5 : 0.8 + static_cast<double>(pick(50)) / 100;
    sim_host h;
    h.node = i;
    auto& hello = h.hello;
    hello.node_name = "node-" + std::to_string(i);
    hello.kinds = {"transcode", "storyboard", "ingest", "download", "noop"};
    if (i % 3 != 1)
      hello.kinds.push_back("scan");
    auto cores = static_cast<uint32_t>(2 + pick(7) * 2);
    for (auto q : {"video", "images", "metadata", "downloads", "default"})
      hello.credit.push_back({q, static_cast<uint32_t>(2 + pick(3))});
    // A few that don't tell.
    if (i % 20 != 0)
      hello.tokens = {cores * 1'000, cores * 1'024, i % 8 == 0 ? 2u : 0u};
    hello.capabilities.push_back("library:" + std::to_string(i % 4));
    if (i % 8 == 0)
      hello.capabilities.push_back("gpu");
    node_index_[hello.node_name] = i;
    nodes_.push_back(n);
    hosts_.push_back(std::move(h));
  }
}

double cluster::size_of(uint32_t n, std::string_view kind) const {
  auto& k = plan_of(kind);
  auto size = static_cast<double>(k.least + hashed(n, 2) % (k.most - k.least + 1));
  // Now and then a very long one.
  return k.sized && hashed(n, 4) % 100 == 0 ? 10 * size : size;
}

job_spec cluster::spec_of(uint32_t n) const {
  auto r = hashed(n, 1);
  job_spec s;
  s.id = id_of(n);
  auto share = r % 100;
  auto* k = kind_plans;
  for (; share >= k->in_hundred; ++k)
    share -= k->in_hundred;
  // Three small jobs now and then of somebody who has nothing else.
  bool few = n % 2'000 < 3;
  if (few)
    k = &kind_plans[2];
  s.kind = k->kind;
  s.queue = find_job_kind(s.kind)->queue;
  s.priority = find_job_kind(s.kind)->priority;
  s.owner = few                ? "few-" + std::to_string(n / 2'000)
            : r / 100 % 10 < 6 ? "many"
                               : "owner-" + std::to_string(r / 1'000 % 40);
  if (!few && r / 40'000 % 20 == 0)
    s.priority = static_cast<uint8_t>(1 + r / 800'000 % 10);
  if (k->sized)
    s.work = size_of(n, s.kind);
  s.cost = find_job_kind(s.kind)->cost;
  if (s.kind == "transcode") {
    if (r / 7 % 20 == 0) {
      s.needs = {"gpu"};
      s.cost = {1'000, 1'024, 1};
    } else if (r / 7 % 20 == 1) {
      s.cost = {8'000, 4'096, 0};
    } else if (r / 7 % 2'000 == 2) {
      s.cost = {64'000, 65'536, 0}; // More than anybody has.
    }
  }
  if (s.kind == "storyboard" && r / 7 % 2 == 0)
    s.prefers = {"library:" + std::to_string(r / 14 % 4)};
  s.retry = {3, milliseconds{2'000}, milliseconds{300'000}, true};
  return s;
}

cluster::end_of_attempt cluster::outcome_of(uint32_t n, uint32_t attempt, const sim_host& h) const {
  auto trait = hashed(n, 3) % 1'000;
  if (trait < 10)
    return {false, error_class::permanent};
  if (trait < 15)
    return {false, error_class::crash};
  if (nodes_[h.node].sick_until > clock_.now.count())
    return {false, error_class::transient};
  if (hashed(n, 100 + attempt) % 1'000 < 10)
    return {false, error_class::transient};
  return {true, error_class::transient};
}

int64_t cluster::duration_of(uint32_t n, const assignment& a, const sim_host& h, bool won) const {
  auto ms = size_of(n, a.kind) * 1'000 / (plan_of(a.kind).sized ? nodes_[h.node].speed : 1.0);
  if (!won)
    ms = std::min(ms, 1'000.0);
  return static_cast<int64_t>(ms) + 1;
}

void cluster::at(int64_t wait, what kind, uint32_t host, uint32_t incarnation, job_id job, uint32_t attempt) {
  events_.push({clock_.now.count() + wait, ++events_made_, kind, host, incarnation, job, attempt});
}

// -- the coordinator --------------------------------------------------------------------------------------------------

job cluster::recovered(uint32_t n) const {
  auto& r = rows_[n];
  job x;
  x.id = id_of(n);
  x.spec = spec_of(n);
  x.spec.priority = r.priority;
  x.state = r.state;
  x.attempt = r.attempt;
  x.failures = r.failures;
  x.interruptions = r.interruptions;
  x.created = from_ms(r.created);
  x.run_at = from_ms(r.run_at);
  x.lease_term = r.term;
  x.lease_worker = r.worker;
  x.worker_name = "node-" + std::to_string(r.node);
  // Of its attempts the database has more; here only that the last one failed, so that a retry goes elsewhere.
  if (r.failures + r.interruptions > 0 && r.state != job_state::running) {
    attempt_record a;
    a.number = r.attempt;
    a.worker = x.worker_name;
    a.end = attempt_end::failed;
    a.failure = error{errc::io, "it broke"};
    x.attempts.push_back(a);
  }
  return x;
}

void cluster::start_coordinator() {
  queue_ = std::make_unique<job_queue>(config_, clock_, [this] { return rng_(); });
  ports::recovered_jobs all;
  for (uint32_t n = 0; n < submitted_; ++n)
    if (rows_[n].there && !is_terminal(rows_[n].state))
      all.jobs.push_back(recovered(n));
  for (auto& [_, x] : rules_)
    all.nodes.push_back(x);
  loads_.clear();
  // Leases run anew.
  died_.clear();
  for (auto& l : lines_)
    l.second = {};
  open_ = all.jobs.size();
  for (auto& x : all.jobs) {
    auto n = number_of(x.id);
    auto& v = views_[n];
    v = {x.state, x.attempt, {}, clock_.now.count()};
    if (x.state == job_state::running) {
      v.holder = x.lease_worker;
      take_load(v.holder, x.spec, 1);
    } else if (auto* l = line_of(n, x); l && x.state == job_state::queued) {
      l->queued.insert({to_ms(x.created), n});
    }
  }
  queue_->recover(++term_, std::move(all));
  tick_at_ = INT64_MAX;
}

void cluster::crash_coordinator() {
  ++figures_.met["coordinator killed"];
  last_crash_ = clock_.now.count();
  // Killed before, or after, the commit that is under way, and before its effects.
  if (!flying_.empty() && chance(500))
    check_commit(flying_.front());
  for (auto& f : flying_)
    for (auto n : f.submitted)
      if (!rows_[n].there)
        again_.push_back(n);
  for (auto n : next_.submitted)
    if (!rows_[n].there)
      again_.push_back(n);
  flying_.clear();
  next_ = {};
  committing_ = flush_queued_ = false;
  for (uint32_t i = 0; i < hosts_.size(); ++i) {
    auto& h = hosts_[i];
    h.linked = false;
    for (auto& [_, x] : h.items)
      x.sent = false;
    if (h.alive)
      at(100 + static_cast<int64_t>(pick(4'000)), what::link, i, h.incarnation);
  }
  // What an administrator was not answered yet may be lost.
  for (auto& [name, i] : node_index_)
    nodes_[i].drained = rules_.contains(name) && rules_[name].state == node_state::draining;
  start_coordinator();
  // Submitted and never acknowledged: its client asks again. What was committed all the same is found by its id.
  at(0, what::flush);
}

void cluster::submit() {
  std::vector<uint32_t> numbers;
  while (!again_.empty() && numbers.size() < submit_calls) {
    numbers.push_back(again_.front());
    again_.pop_front();
  }
  auto most = std::min<uint32_t>(submit_calls, std::max<uint32_t>(plan_.jobs / 600, 20));
  for (uint32_t i = 0; i < most && submitted_ < plan_.jobs; ++i)
    numbers.push_back(submitted_++);
  std::vector<job_spec> specs;
  for (auto n : numbers)
    specs.push_back(spec_of(n));
  auto before = queue_->size();
  auto got = timed([&] { return queue_->submit(std::move(specs)); });
  PROMISE(got.has_value(), "there is room for all");
  PROMISE(queue_->size() == before + numbers.size(), "each makes one job");
  next_.submitted.insert(next_.submitted.end(), numbers.begin(), numbers.end());
  open_ += numbers.size();
  if (submitted_ < plan_.jobs || !again_.empty())
    at(submit_ms, what::submit);
}

void cluster::flush() {
  flush_queued_ = false;
  if (committing_)
    return;
  auto before = in_queue_;
  timed([&] { queue_->assign(); });
  in_assign_ += in_queue_ - before;
  next_.what = timed([&] { return queue_->take(); });
  follow(next_.what);
  auto deadline = timed([&] { return queue_->next_deadline(); });
  if (deadline != mono_time::max()) {
    auto in = std::max<int64_t>(1, (deadline - clock_.mono()).count());
    if (clock_.now.count() + in < tick_at_) {
      tick_at_ = clock_.now.count() + in;
      at(in, what::tick);
    }
  }
  auto& fx = next_.what.effects;
  if (!next_.what.needs_commit() && fx.assignments.empty() && fx.revocations.empty() && next_.answers.empty())
    return;
  flying_.push_back(std::exchange(next_, {}));
  committing_ = true;
  at(commit_ms, what::commit);
}

void cluster::commit() {
  if (flying_.empty())
    return;
  auto f = std::move(flying_.front());
  flying_.pop_front();
  committing_ = false;
  check_commit(f);
  for (auto n : f.submitted)
    rows_[n].acknowledged = true;
  for (auto& [host, incarnation, token] : f.answers)
    if (auto& h = hosts_[host]; h.incarnation == incarnation && h.linked) {
      auto i = h.items.find(token.job);
      if (i != h.items.end() && i->second.what.token == token)
        h.items.erase(i);
    }
  for (auto& [id, token] : f.what.effects.revocations)
    // One that is frozen hears of it too late.
    if (auto h = by_id_.find(id);
        h != by_id_.end() && hosts_[h->second].linked && hosts_[h->second].frozen_until <= clock_.now.count()) {
      auto& items = hosts_[h->second].items;
      if (auto i = items.find(token.job); i != items.end() && i->second.what.token == token)
        items.erase(i);
    }
  for (auto& [id, a] : f.what.effects.assignments) {
    auto h = by_id_.find(id);
    if (h == by_id_.end() || !hosts_[h->second].linked || !hosts_[h->second].alive)
      continue;
    auto& host = hosts_[h->second];
    auto n = number_of(a.token.job);
    auto won = outcome_of(n, a.token.attempt, host).won;
    at(duration_of(n, a, host, won), what::end, h->second, host.incarnation, a.token.job, a.token.attempt);
    host.items[a.token.job] = {a};
  }
  if (queue_->dirty())
    at(0, what::flush);
}

// -- workers ----------------------------------------------------------------------------------------------------------

void cluster::link(uint32_t i) {
  auto& h = hosts_[i];
  if (!h.alive || h.linked)
    return;
  if (!h.hello.id) {
    h.hello.id = worker_id{{2, (uint64_t{i} << 32) + h.incarnation + 1}};
    by_id_[h.hello.id] = i;
  }
  h.hello.held.clear();
  for (auto& [_, x] : h.items)
    h.hello.held.push_back(x.what.token);
  for (auto& token : timed([&] { return queue_->join(h.hello); }))
    h.items.erase(token.job);
  h.linked = true;
  for (auto& [_, x] : h.items)
    if (x.ended)
      hand_in(i, x);
  at(static_cast<int64_t>(pick(renewal_ms)), what::renew, i, h.incarnation);
}

void cluster::renew(uint32_t i) {
  auto& h = hosts_[i];
  if (!h.alive || !h.linked)
    return;
  if (h.frozen_until > clock_.now.count())
    return at(h.frozen_until - clock_.now.count(), what::renew, i, h.incarnation);
  std::vector<lease_token> held;
  for (auto& [_, x] : h.items)
    held.push_back(x.what.token);
  auto answer = timed([&] { return queue_->renew(h.hello.id, held); });
  for (auto& token : answer.revoked)
    h.items.erase(token.job);
  if (!answer.known) {
    h.linked = false;
    return link(i);
  }
  at(renewal_ms, what::renew, i, h.incarnation);
}

void cluster::end(const event& e) {
  auto& h = hosts_[e.host];
  if (h.incarnation != e.incarnation)
    return;
  auto i = h.items.find(e.job);
  if (i == h.items.end() || i->second.what.token.attempt != e.attempt)
    return;
  if (h.frozen_until > clock_.now.count())
    return at(h.frozen_until - clock_.now.count(), what::end, e.host, e.incarnation, e.job, e.attempt);
  i->second.ended = true;
  if (h.linked)
    hand_in(e.host, i->second);
}

void cluster::hand_in(uint32_t host, item& x) {
  auto& h = hosts_[host];
  auto token = x.what.token;
  auto n = number_of(token.job);
  auto how = outcome_of(n, token.attempt, h);
  attempt_outcome o;
  o.token = token;
  o.end = how.won ? attempt_end::completed : attempt_end::failed;
  o.cls = how.cls;
  if (how.won)
    o.result = "\"" + token.str() + "\"";
  else
    o.failure = error{errc::io, "it broke"};
  auto* j = queue_->find(token.job);
  bool current = j && j->state == job_state::running && j->token() == token && j->lease_worker == h.hello.id;
  bool taken = timed([&] { return queue_->hand_in(h.hello.id, o); });
  if (!plan_.unfenced)
    PROMISE(taken == current, "an outcome counts when its token is the current one, and only then");
  x.sent = true;
  if (taken)
    next_.answers.emplace_back(host, h.incarnation, token);
  else
    ++figures_.met["stale outcome"];
  if (!flush_queued_) {
    flush_queued_ = true;
    at(flush_ms, what::flush);
  }
}

void cluster::kill(uint32_t i) {
  auto& h = hosts_[i];
  if (h.linked)
    timed([&] { queue_->unreachable(h.hello.id); });
  h.alive = h.linked = false;
  h.items.clear();
  h.frozen_until = 0;
  by_id_.erase(h.hello.id);
  died_[h.hello.id] = clock_.now.count();
  h.hello.id = {};
  ++h.incarnation;
  at(3'000 + static_cast<int64_t>(pick(60'000)), what::link, i, h.incarnation);
}

void cluster::cut(uint32_t i, int64_t how_long) {
  auto& h = hosts_[i];
  if (!h.linked)
    return;
  // Half of the time nobody notices.
  if (chance(500))
    timed([&] { queue_->unreachable(h.hello.id); });
  h.linked = false;
  at(how_long, what::link, i, h.incarnation);
}

void cluster::disturb() {
  if (ended_ < plan_.jobs)
    at(1'000 + static_cast<int64_t>(pick(4'000)), what::disturb);
  auto i = static_cast<uint32_t>(pick(hosts_.size()));
  auto& h = hosts_[i];
  auto length = 2'000 + static_cast<int64_t>(pick(100'000));
  switch (pick(12)) {
  case 0:
  case 1:
    if (h.alive) {
      ++figures_.met["worker killed"];
      kill(i);
    }
    break;
  case 2:
  case 3:
    ++figures_.met["link down"];
    cut(i, length);
    break;
  case 4: { // A switch dies: a twentieth of the cluster.
    ++figures_.met["partition"];
    for (uint32_t k = i; k < std::min<size_t>(i + hosts_.size() / 20, hosts_.size()); ++k)
      cut(k, length);
    break;
  }
  case 5:
  case 6:
    ++figures_.met["worker frozen"];
    h.frozen_until = clock_.now.count() + length;
    break;
  case 7:
    ++figures_.met["sick node"];
    nodes_[h.node].sick_until = clock_.now.count() + 5 * length;
    break;
  case 8: { // Some out, all others back in.
    ++figures_.met["drain"];
    node_rules rules;
    if (auto now = queue_->rules_of(h.hello.node_name))
      rules = *now;
    rules.name = h.hello.node_name;
    auto& n = nodes_[h.node];
    n.drained = !n.drained;
    rules.state = n.drained ? node_state::draining : node_state::active;
    PROMISE(queue_->set_node(rules).has_value(), "rules can be changed");
    break;
  }
  case 9:
    if (h.linked) {
      ++figures_.met["worker left"];
      timed([&] { queue_->leave(h.hello.id); });
      h.linked = false;
      h.items.clear();
      at(length, what::link, i, h.incarnation);
    }
    break;
  case 10:
    if (clock_.now.count() - last_crash_ > 900'000)
      crash_coordinator();
    break;
  default:
    break;
  }
}

// -- time -------------------------------------------------------------------------------------------------------------

void cluster::handle(const event& e) {
  auto here = e.incarnation == hosts_[e.host].incarnation;
  switch (e.kind) {
  case what::submit:
    submit();
    break;
  case what::flush:
    flush();
    return;
  case what::commit:
    commit();
    return;
  case what::renew:
    if (here)
      renew(e.host);
    break;
  case what::end:
    end(e);
    return;
  case what::link:
    if (here) {
      hosts_[e.host].alive = true;
      link(e.host);
    }
    break;
  case what::disturb:
    disturb();
    break;
  case what::tick:
    tick_at_ = INT64_MAX;
    timed([&] { queue_->tick(); });
    break;
  }
  if (!flush_queued_) {
    flush_queued_ = true;
    at(flush_ms, what::flush);
  }
}

bool cluster::settled() const {
  return submitted_ == plan_.jobs && again_.empty() && ended_ == plan_.jobs && flying_.empty();
}

cluster_figures cluster::run() {
  auto begun = cpu_seconds();
  start_coordinator();
  for (uint32_t i = 0; i < hosts_.size(); ++i)
    at(static_cast<int64_t>(pick(1'000)), what::link, i, 0);
  at(0, what::submit);
  at(10'000, what::disturb);
  auto empty = allocated();
  while (!settled()) {
    PROMISE(!events_.empty(), "something is going to happen as long as jobs are open");
    auto e = events_.top();
    events_.pop();
    clock_.now = milliseconds{e.at};
    PROMISE(clock_.now < milliseconds{48 * 3'600'000}, "every job ends within two days");
    handle(e);
    // Counting what is allocated takes time with what is free.
    if (e.kind == what::submit && queue_->size() > figures_.deepest + figures_.deepest / 20) {
      figures_.deepest = queue_->size();
      figures_.bytes_a_job = allocated() > empty ? (allocated() - empty) / figures_.deepest : 0;
    }
  }
  check_end();
  figures_.virtual_time = clock_.now;
  figures_.seconds = cpu_seconds() - begun;
  auto starts = static_cast<double>(figures_.starts);
  figures_.decisions_a_second = in_queue_ > 0 ? starts / in_queue_ : 0;
  figures_.assign_us = starts > 0 ? in_assign_ * 1e6 / starts : 0;
  return figures_;
}

} // namespace troupe::dispatch::test

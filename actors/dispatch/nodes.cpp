#include "actors/dispatch/gateway_register.hpp"
#include "actors/dispatch/queue_impl.hpp"

#include "protocol/model/software.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

namespace troupe::dispatch {

namespace {

constexpr milliseconds a_minute{60'000};

/// Does it stand for anything that would be forgotten with it? Why it is active again does not.
bool says_something(const node_rules& x) {
  const node_rules none;
  return x.state != none.state || x.slots != none.slots || x.weight != none.weight || x.hours != none.hours;
}

std::chrono::minutes offset_of_machine(timestamp t) {
  auto seconds = static_cast<std::time_t>(to_ms(t) / 1000);
  std::tm local{};
  if (!localtime_r(&seconds, &local))
    return {};
  return std::chrono::minutes{local.tm_gmtoff / 60};
}

bool runs(const node_record& n, const std::string& kind) {
  return std::any_of(n.workers.begin(), n.workers.end(), [&](auto* w) {
    return w->connected && !w->suspect && std::binary_search(w->kinds.begin(), w->kinds.end(), kind);
  });
}

/// Does it do again what it was quarantined for, when it has done one of this kind? What failed on executors is shown
/// by what executors do, all else by all else; and where it runs neither any more, by whatever it does.
bool answers_evidence(const node_record& n, const std::string& kind) {
  auto failed = [&](bool executor) {
    auto& xs = n.rules.evidence;
    return std::any_of(xs.begin(), xs.end(),
                       [&](auto& x) { return in_executor(x.kind) == executor && runs(n, x.kind); });
  };
  const bool by_executors = failed(true);
  return in_executor(kind) == by_executors || (!by_executors && !failed(false));
}

void sort_once(std::vector<std::string>& xs) {
  std::sort(xs.begin(), xs.end());
  xs.erase(std::unique(xs.begin(), xs.end()), xs.end());
}

/// What one of its connected workers offers, to the others'.
void add_worker(node_details& to, const worker_record& w, mono_time now) {
  auto silent = now - w.last_seen;
  to.silent = to.workers.empty() ? silent : std::min(to.silent, silent);
  if (to.workers.empty() || w.joined < to.joined)
    to.joined = w.joined;
  to.workers.push_back(w.id);
  to.embedded = to.embedded || w.embedded;
  to.kinds.insert(to.kinds.end(), w.kinds.begin(), w.kinds.end());
  to.capabilities.insert(to.capabilities.end(), w.capabilities.begin(), w.capabilities.end());
  std::erase(to.capabilities, node_capability(w.node_name));
  to.software = w.software;
  to.other_software |= !w.software.empty() && w.software != software_version();
  if (!w.file_address.empty())
    to.file_address = w.file_address;
  to.problems.insert(to.problems.end(), w.problems.begin(), w.problems.end());
  for (auto& s : w.slots)
    if (s.slots > 0 || s.used > 0 || s.offered > 0) {
      to.queues[s.queue->name].slots += s.slots;
      to.queues[s.queue->name].used += s.used;
    }
  auto add = [](resources& sum, const resources& x) {
    sum.cores += x.cores;
    sum.memory_mib += x.memory_mib;
    sum.gpu_sessions += x.gpu_sessions;
  };
  add(to.tokens, w.tokens);
  add(to.in_use, w.in_use);
  for (auto* e = w.held.front(); e; e = w.held.next(*e))
    to.jobs.push_back(e->row.id);
}

/// Of a node without connected workers: since it was heard last.
milliseconds silent_for(const node_record& n, mono_time now) {
  if (n.workers.empty())
    return n.left ? now - *n.left : milliseconds{0};
  auto heard = [](auto* x, auto* y) { return x->last_seen < y->last_seen; };
  return now - (*std::max_element(n.workers.begin(), n.workers.end(), heard))->last_seen;
}

} // namespace

// -- which workers are on it ----------------------------------------------------------------------------------------

node_record& job_queue::impl::node_of(const std::string& name) {
  auto [i, fresh] = nodes.try_emplace(name);
  auto& n = i->second;
  if (fresh) {
    n.rules.name = name;
    n.index = static_cast<uint32_t>(nodes.size() - 1);
  }
  return n;
}

void job_queue::impl::put_on_node(worker_record& w, const std::string& name) {
  w.node_name = name;
  if (w.node && w.node->rules.name == name)
    return;
  auto held = static_cast<uint32_t>(w.held.size());
  leave_node(w);
  w.node = &node_of(name);
  w.node->left.reset();
  w.node->workers.push_back(&w);
  w.node->running += held;
}

void job_queue::impl::leave_node(worker_record& w) {
  if (!w.node)
    return;
  auto& n = *w.node;
  n.running -= static_cast<uint32_t>(w.held.size());
  std::erase(n.workers, &w);
  if (n.workers.empty())
    n.left = clk.mono();
}

// -- when it works --------------------------------------------------------------------------------------------------

bool job_queue::impl::in_hours(const node_record& n) const {
  if (n.rules.hours.empty())
    return true;
  auto now = clk.wall();
  return within(n.rules.hours, now + (config.utc_offset ? config.utc_offset(now) : offset_of_machine(now)));
}

bool job_queue::impl::may_probe(const node_record& n) const {
  return n.rules.state == node_state::quarantined && n.rules.by_score && n.running == 0 && !n.probing.job
         && n.probe.due(clk.mono());
}

std::string job_queue::impl::closed(const node_record& n) const {
  auto because = n.rules.reason.empty() ? "" : ": " + n.rules.reason;
  if (n.rules.state == node_state::draining)
    return "is drained" + because;
  if (n.rules.state == node_state::quarantined && !may_probe(n))
    return "is quarantined" + because
           + (n.probing.job ? "; job " + n.probing.job.str() + " probes it"
                            : std::string{n.rules.by_score ? "; it is probed later" : ""});
  if (!in_hours(n))
    return "is outside of its hours";
  return {};
}

void job_queue::impl::update_open(node_record& n) {
  if (!n.rules.hours.empty() && hours_at == mono_time::max())
    hours_at = clk.mono() + a_minute - milliseconds{to_ms(clk.wall()) % a_minute.count()};
  bool open =
    n.rules.state != node_state::draining && (n.rules.state == node_state::active || may_probe(n)) && in_hours(n);
  if (open == n.open)
    return;
  changed_nodes.insert(n.rules.name);
  n.open = open;
  for (auto* w : n.workers)
    ready.slots_changed(*w);
}

void job_queue::impl::rules_changed(node_record& n) {
  changed_nodes.insert(n.rules.name);
  std::erase(on_probation, &n);
  if (n.rules.state == node_state::quarantined && n.rules.by_score)
    on_probation.push_back(&n);
  update_open(n);
}

void job_queue::impl::tick_nodes() {
  for (auto* n : on_probation)
    update_open(*n);
  if (hours_at > clk.mono())
    return;
  hours_at = mono_time::max();
  for (auto& [_, n] : nodes)
    if (!n.rules.hours.empty())
      update_open(n);
  spare_the_last();
}

mono_time job_queue::impl::next_node_deadline() const {
  auto at = hours_at;
  for (auto* n : on_probation)
    if (!n->open && !n->probing.job && n->running == 0 && in_hours(*n))
      at = std::min(at, n->probe.next());
  return at;
}

// -- quarantine -----------------------------------------------------------------------------------------------------

std::string job_queue::impl::only_one_for(const node_record& n) const {
  for (auto* w : n.workers)
    for (auto& kind : w->kinds) {
      if (!runs(n, kind))
        continue;
      auto others = std::any_of(nodes.begin(), nodes.end(), [&](auto& x) {
        return &x.second != &n && x.second.rules.state == node_state::active && x.second.open && runs(x.second, kind);
      });
      if (!others)
        return kind;
    }
  return {};
}

void job_queue::impl::quarantine(node_record& n) {
  if (n.rules.state != node_state::active)
    return;
  n.rules.evidence = scores.evidence(n.rules.name);
  if (auto kind = only_one_for(n); !kind.empty()) {
    n.rules.reason = "it fails what others can do, but works on: no other node runs jobs of kind " + kind;
    outbox.node(n.rules);
    changed_nodes.insert(n.rules.name);
    return;
  }
  n.rules.state = node_state::quarantined;
  n.rules.by_score = true;
  n.rules.since = clk.wall();
  n.rules.reason = "it failed " + std::to_string(n.rules.evidence.size()) + " jobs lately that other nodes then did";
  n.probe.begin(config.quarantine, clk.mono());
  outbox.node(n.rules);
  rules_changed(n);
}

void job_queue::impl::reinstate(node_record& n, std::string why) {
  n.rules.state = node_state::active;
  n.rules.by_score = false;
  n.rules.since = clk.wall();
  n.rules.reason = std::move(why);
  n.probing = {};
  scores.forget(n.rules.name);
  outbox.node(n.rules);
  rules_changed(n);
}

void job_queue::impl::spare_the_last() {
  for (auto* n : std::vector(on_probation))
    if (auto kind = only_one_for(*n); !kind.empty())
      reinstate(*n, "it was quarantined, but works on: no other node runs jobs of kind " + kind);
}

void job_queue::impl::judge_completed(entry& e) {
  auto& n = *e.holder->node;
  auto& w = *e.holder;
  // One that handed its work on has done none of it.
  if (!e.row.delegated())
    ready.speeds.measured(n.index, e.kind->index, e.row.spec.work,
                          static_cast<double>((w.last_seen - e.since).count()) / 1000);
  judge_probe(e, true, false);
  for (auto& name : scores.completed(e.row, e.row.attempts.back().ended))
    quarantine(node_of(name));
}

void job_queue::impl::judge_probe(entry& e, bool completed, bool against_node) {
  auto& n = *e.holder->node;
  if (!n.probing.job || n.probing != e.row.token())
    return;
  n.probing = {};
  auto& rules = config.quarantine;
  if (completed && !answers_evidence(n, e.row.spec.kind))
    n.probe.beside_the_point(clk.mono());
  else if (completed && n.probe.succeeded(rules, clk.mono()))
    return reinstate(n, "it was quarantined, and did what it was probed with");
  if (!completed && against_node)
    n.probe.failed(rules, clk.mono());
  else if (!completed)
    n.probe.undecided(clk.mono());
  update_open(n);
}

// -- for administrators ---------------------------------------------------------------------------------------------

result<void> job_queue::set_node(node_rules rules) {
  TROUPE_TRY(check(rules));
  auto& q = *impl_;
  auto& n = q.node_of(rules.name);
  bool freed = n.rules.state != node_state::active && rules.state == node_state::active;
  if (rules.state != n.rules.state)
    rules.since = q.clk.wall();
  if (freed) {
    q.scores.forget(rules.name);
    rules.evidence.clear();
  }
  rules.by_score = rules.by_score && rules.state == node_state::quarantined;
  if (!rules.by_score)
    n.probing = {};
  bool probed = rules.state == node_state::quarantined && rules.by_score && !n.rules.by_score;
  n.rules = std::move(rules);
  if (probed)
    n.probe.begin(q.config.quarantine, q.clk.mono());
  q.outbox.node(n.rules);
  for (auto* w : n.workers)
    q.apply_slots(*w);
  q.rules_changed(n);
  q.spare_the_last();
  return {};
}

result<node_rules> job_queue::rules_of(const std::string& node) const {
  auto i = impl_->nodes.find(node);
  if (i == impl_->nodes.end())
    return error{errc::not_found, "there is no node \"" + node + "\", and there are no rules for one"};
  return i->second.rules;
}

node_details job_queue::impl::details(const node_record& n) const {
  auto& name = n.rules.name;
  node_details x;
  x.rules = n.rules;
  for (auto* w : n.workers)
    if (w->connected)
      add_worker(x, *w, clk.mono());
  if (x.workers.empty())
    x.silent = silent_for(n, clk.mono());
  std::sort(x.workers.begin(), x.workers.end());
  sort_once(x.kinds);
  sort_once(x.capabilities);
  sort_once(x.problems);
  std::sort(x.jobs.begin(), x.jobs.end());
  x.running = n.running;
  x.open = n.open;
  x.closed = closed(n);
  x.score = scores.score(name, clk.wall());
  x.evidence = n.rules.by_score ? n.rules.evidence : scores.evidence(name);
  for (auto& [kind, k] : kinds)
    if (auto speed = ready.speeds.of(n.index, k.index); speed > 0)
      x.speeds[kind] = speed;
  if (n.rules.by_score)
    x.next_probe = std::max(milliseconds{0}, n.probe.next() - clk.mono());
  return x;
}

std::vector<node_details> job_queue::nodes() const {
  std::vector<node_details> out;
  for (auto& [name, n] : impl_->nodes) {
    const bool missed = n.left && impl_->clk.mono() - *n.left < gateway_register::missed_for;
    if (!n.workers.empty() || n.running > 0 || says_something(n.rules) || missed)
      out.push_back(impl_->details(n));
  }
  return out;
}

node_details job_queue::node(const std::string& name) const {
  auto i = impl_->nodes.find(name);
  if (i != impl_->nodes.end())
    return impl_->details(i->second);
  node_details gone;
  gone.rules.name = name;
  return gone;
}

std::set<std::string> job_queue::take_changed_nodes() {
  return std::exchange(impl_->changed_nodes, {});
}

} // namespace troupe::dispatch

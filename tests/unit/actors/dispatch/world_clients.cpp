// What clients and administrators do in a simulated world.

#include "tests/unit/actors/dispatch/world.hpp"

#include <algorithm>

namespace troupe::dispatch::test {

namespace {

const std::vector<std::string> kinds{"noop", "noop", "status_check", "download"};

} // namespace

void world::client_acts() {
  if (calm_)
    return;
  if (chance(50))
    submit();
  if (chance(25))
    act_on_job();
  if (chance(8))
    change_settings();
  if (chance(4))
    change_node();
}

std::vector<job_spec> world::random_specs() {
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
  return specs;
}

std::map<std::string, uint64_t> world::depths() const {
  std::map<std::string, uint64_t> out;
  for (auto* j : jobs())
    if (!is_terminal(j->state)) {
      ++out[j->spec.queue];
      ++out["kind:" + j->spec.kind];
    }
  return out;
}

void world::check_depths(std::map<std::string, uint64_t> before) {
  for (auto& [name, n] : depths())
    PROMISE(n <= before[name] || n <= queue_->settings_of(name)->max_depth, "queues are bounded");
}

void world::submit_circle() {
  job_spec a, b;
  a.kind = b.kind = "noop";
  a.id = job_id{{rng_() | 1, rng_()}};
  b.id = job_id{{rng_() | 1, rng_()}};
  a.depends_on = {b.id};
  b.depends_on = {a.id};
  auto got = queue_->submit({a, b});
  PROMISE(!got && got.error().code == errc::validation, "jobs that wait for each other are refused");
}

void world::submit() {
  if (chance(3))
    submit_circle();
  auto specs = random_specs();
  auto before = queue_->size();
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
    check_receipt(specs[i], r);
  }
  check_depths(std::move(depth_before));
}

void world::check_receipt(const job_spec& spec, const submit_receipt& r) {
  if (!r.existing && spec.run_at > clock_.wall() && r.state != job_state::waiting && !is_terminal(r.state))
    PROMISE(r.state == job_state::delayed && queue_->find(r.id)->run_at == spec.run_at, "not before its time");
  auto made = made_by_.find(spec.submission_id);
  if (made != made_by_.end() && acknowledged_.contains(made->second) && !removal_asked_.contains(made->second))
    PROMISE(r.existing && r.id == made->second, "a submission id makes one job only");
  else if (!r.existing && !spec.submission_id.empty())
    made_by_[spec.submission_id] = r.id;
  else if (r.existing && made == made_by_.end())
    PROMISE(queue_->find(r.id) && !is_terminal(queue_->find(r.id)->state), "a job that has ended frees its unique key");
}

void world::act_on_job() {
  auto id = random_job();
  if (!handed_on_.empty() && chance(30)) {
    auto i = std::next(handed_on_.begin(), static_cast<std::ptrdiff_t>(pick(handed_on_.size())));
    id = chance(30) ? i->first : i->second.children[pick(i->second.children.size())];
  }
  auto* found = queue_->find(id);
  if (!found) {
    if (auto row = rows_.find(id); row != rows_.end() && row->second.archived && !removal_asked_.contains(id))
      act_on_archived(row->second);
    return;
  }
  auto before = *found;
  auto depth_before = depths();
  auto now = [&] { return queue_->find(id)->state; };
  switch (pick(4)) {
  case 0:
    if (auto r = queue_->cancel(id)) {
      ++met["cancel"];
      if (before.state == job_state::running)
        next_.cancelled.emplace_back(before.lease_worker, before.token());
      if (before.delegated())
        ++met[before.state == job_state::waiting ? "cancel of one that handed on" : "cancel of one that goes on"];
      PROMISE(now() == job_state::cancelled && !is_terminal(before.state), "cancelled at once");
      for (auto child : queue_->children_of(id))
        PROMISE(is_terminal(queue_->find(child)->state), "its children are cancelled with it");
    } else {
      PROMISE(is_terminal(before.state), "only what has ended can not be cancelled");
    }
    break;
  case 1:
    if (auto r = queue_->retry(id)) {
      check_depths(std::move(depth_before));
      ++met["retry"];
      next_.retried.insert(id);
      if (handed_on_.contains(before.spec.parent))
        ++met["retry of a part"];
      if (!before.attempts.empty() && std::any_of(before.attempts.begin(), before.attempts.end(), [](auto& a) {
            return a.end == attempt_end::delegated;
          })) {
        ++met["retry of one that handed on"];
        PROMISE(!queue_->find(id)->delegated(), "a retry by hand begins anew");
      }
      PROMISE(before.state == job_state::failed || before.state == job_state::cancelled, "completed jobs stay so");
      PROMISE(queue_->find(id)->failures == 0 && queue_->find(id)->attempt == before.attempt, "attempts unspent");
    }
    break;
  case 2:
    if (auto r = queue_->promote(id)) {
      const bool split = before.state == job_state::waiting && before.delegated();
      ++met[split ? "promote of one that handed on" : "promote"];
      PROMISE(now() == (split ? job_state::waiting : job_state::queued) && queue_->find(id)->spec.priority == 1,
              "promoted");
      if (split)
        for (auto& c : before.next.front().children)
          if (auto* child = queue_->find(c.id); child && !is_terminal(child->state))
            PROMISE(child->spec.priority == 1 && child->state != job_state::delayed, "promoted with its parts");
    }
    break;
  default:
    if (chance(30) && queue_->remove(id)) {
      ++met["remove"];
      PROMISE(is_terminal(before.state), "only what has ended can be removed");
      removal_asked_.insert(id);
      next_.removals.push_back(id);
    }
  }
}

/// What the dispatcher does with a row that it has read from the history.
void world::act_on_archived(const job& row) {
  std::vector<job> history;
  for (auto id : queue_->unknown_dependencies(std::vector{row.spec}))
    if (auto i = rows_.find(id); i != rows_.end())
      history.push_back(i->second);
  std::vector<job_id> children;
  for (auto& [id, x] : rows_)
    if (x.spec.parent == row.id)
      children.push_back(id);
  for (auto* x : jobs())
    if (x->spec.parent == row.id)
      children.push_back(x->id);
  auto depth_before = depths();
  if (chance(30)) {
    PROMISE(queue_->remove_archived(row).has_value(), "an archived job can be removed");
    PROMISE(!queue_->find(row.id), "removed");
    removal_asked_.insert(row.id);
    next_.removals.push_back(row.id);
    ++met["remove archived"];
  } else if (auto r = queue_->retry_archived(row, children, history)) {
    ++met["retry archived"];
    check_depths(std::move(depth_before));
    next_.retried.insert(row.id);
    auto* now = queue_->find(row.id);
    PROMISE(row.state == job_state::failed || row.state == job_state::cancelled, "completed jobs stay so");
    PROMISE(now && !now->archived && !is_terminal(now->state), "it is back");
    PROMISE(now->failures == 0 && now->attempt == row.attempt, "attempts unspent, numbers go on");
  }
}

void world::change_settings() {
  static const std::vector<std::string> names{"default", "downloads", "kind:noop", "kind:status_check"};
  queue_settings s{names[pick(names.size())], chance(30), static_cast<uint32_t>(pick(4)),
                   static_cast<uint32_t>(10 + pick(30))};
  ++met[s.paused ? "pause" : "limit"];
  PROMISE(queue_->change_queue(s).has_value(), "known queues can be changed");
}

void world::change_node() {
  node_rules n;
  auto name = "node-" + std::to_string(pick(5));
  if (auto now = queue_->rules_of(name))
    n = *now;
  n.name = name;
  n.reason = "a person said so";
  n.by_score = false;
  auto how = pick(5);
  n.state = how == 0 ? node_state::draining : how == 1 ? node_state::quarantined : node_state::active;
  n.hours.clear();
  if (how == 2)
    n.hours = {
      {static_cast<uint8_t>(1 + pick(127)), static_cast<uint16_t>(pick(1440)), static_cast<uint16_t>(pick(1441))}};
  n.weight = static_cast<uint32_t>(1 + pick(300));
  ++met["node: " + std::string{how == 2 ? "hours" : to_string(n.state)}];
  PROMISE(queue_->set_node(n).has_value(), "rules of nodes can be changed");
  PROMISE(queue_->rules_of(name)->weight == n.weight && queue_->rules_of(name)->hours == n.hours, "kept");
}

job_id world::random_job() {
  return ids_.empty() ? job_id{} : ids_[ids_.size() - 1 - pick(std::min<size_t>(ids_.size(), 25))];
}

} // namespace troupe::dispatch::test

#include "tests/unit/actors/dispatch/world.hpp"

#include <algorithm>

namespace troupe::dispatch::test {

namespace {

/// The longest that time goes on by at once.
constexpr milliseconds longest_step{12'000};

std::set<std::string> failed_on(const job& j) {
  std::set<std::string> out;
  if (j.failures + j.interruptions > 0)
    for (auto& a : j.attempts)
      if (speaks_against_node(a))
        out.insert(a.worker);
  return out;
}

std::vector<job_id> waits_for(const job& j) {
  if (!j.delegated())
    return j.spec.depends_on;
  std::vector<job_id> out;
  for (auto& c : j.next.front().children)
    out.push_back(c.id);
  return out;
}

bool covers(const std::vector<std::string>& have, const std::vector<std::string>& need) {
  return std::all_of(need.begin(), need.end(),
                     [&](auto& n) { return std::find(have.begin(), have.end(), n) != have.end(); });
}

/// What it says, and its own name, which the queue asks for where a part is begun twice.
bool offers(const worker_info& w, const job& j) {
  auto have = w.capabilities;
  have.push_back(node_capability(w.node_name));
  return covers(have, j.spec.needs);
}

/// As change_mounts says it.
std::string problem_of_mount(std::string need) {
  std::ranges::replace(need, ':', ' ');
  return need + " is empty";
}

} // namespace

std::vector<const job*> world::jobs() const {
  std::vector<const job*> out;
  for (auto id : ids_)
    if (auto* j = queue_->find(id))
      out.push_back(j);
  return out;
}

std::unordered_map<job_id, was> world::snapshot() const {
  std::unordered_map<job_id, was> out;
  for (auto* j : jobs()) {
    if (is_terminal(j->state))
      continue;
    auto longest = j->spec.retry.max_delay;
    if (!j->attempts.empty() && j->attempts.back().cls == error_class::throttled)
      longest = std::max(j->spec.retry.first_delay, j->attempts.back().failure.retry_after);
    bool lost =
      j->failures + j->interruptions > 0 && !j->attempts.empty() && j->attempts.back().end == attempt_end::lost;
    out.try_emplace(j->id,
                    was{j->state, j->attempt, j->failures, lost, j->token(), j->lease_worker, j->spec.retry, longest});
  }
  return out;
}

void world::rules_of_lease(const job& j) {
  if (j.state == job_state::running)
    lease_ends_[j.id] = clock_.now + lease;
}

/// What a commit may do to what is in the database.
void world::check_rows(const in_flight& f) {
  std::set<job_id> seen;
  for (auto& c : f.what.rows) {
    auto& row = c.row;
    PROMISE(seen.insert(row.id).second, "one row a job");
    auto old = rows_.find(row.id);
    PROMISE(c.is_new == (old == rows_.end()), "is_new says whether the database has it");
    if (row.state == job_state::completed)
      PROMISE(row.result.starts_with("\"" + row.id.str() + "-" + std::to_string(row.attempt) + "-"),
              "the result is that of the attempt that counts");
    PROMISE(row.attempts.size() <= 20, "the record of attempts is bounded");
    PROMISE(row.failures <= row.spec.retry.max_attempts, "no more attempts burnt than there are");
    if (old == rows_.end())
      continue;
    auto& was = old->second;
    PROMISE(row.attempt >= was.attempt, "attempt numbers rise");
    PROMISE(!was.archived || f.retried.contains(row.id), "archived rows are left alone");
    if (was.state == job_state::completed)
      PROMISE(row.state == job_state::completed && row.attempt == was.attempt && row.result == was.result,
              "no two completions");
    else if (is_terminal(was.state) && !f.retried.contains(row.id))
      PROMISE(row.state == was.state, "what has ended stays so unless it is retried");
  }
}

void world::check_effects(const in_flight& f) {
  for (auto& [worker, a] : f.what.effects.assignments) {
    auto i = rows_.find(a.token.job);
    PROMISE(i != rows_.end() && i->second.state == job_state::running && i->second.token() == a.token
              && i->second.lease_worker == worker,
            "an assignment leaves only when its lease is committed");
    check_told(a);
  }
  for (auto position : f.what.effects.changed) {
    auto& j = f.what.rows.at(position).row;
    PROMISE(rows_.contains(j.id) && rows_.at(j.id).state == j.state, "an event tells what is committed");
  }
}

void world::check_outcome(const job& before, const attempt_outcome& o) {
  auto& now = *queue_->find(before.id);
  PROMISE(now.attempt == before.attempt, "an outcome starts no attempt");
  auto burnt = now.failures - before.failures;
  switch (o.end) {
  case attempt_end::completed:
    PROMISE(now.state == job_state::completed && burnt == 0, "completed");
    break;
  case attempt_end::released:
    PROMISE(now.state == job_state::queued && burnt == 0, "released: queued at once, nothing burnt");
    break;
  case attempt_end::cancelled:
    PROMISE(now.state == job_state::cancelled, "cancelled");
    break;
  default:
    ++met["failed " + std::string{to_string(o.cls)}];
    check_failed(before, now, o.cls);
  }
}

void world::check_failed(const job& before, const job& now, error_class cls) {
  auto burnt = now.failures - before.failures;
  bool last = before.failures + 1 >= before.spec.retry.max_attempts;
  if (cls == error_class::permanent)
    PROMISE(now.state == job_state::failed && burnt == 1, "permanent: no retry");
  else if (cls == error_class::throttled)
    PROMISE(now.state == job_state::delayed && burnt == 0, "throttled burns nothing");
  else
    PROMISE(now.state == (last ? job_state::failed : job_state::delayed) && burnt == 1, "it counts");
}

bool world::twin_has_ended(const job& j) const {
  auto all = jobs();
  return j.spec.parent && std::any_of(all.begin(), all.end(), [&](auto* x) {
           return x->id != j.id && x->spec.parent == j.spec.parent && x->spec.kind == j.spec.kind
                  && x->spec.payload == j.spec.payload && is_terminal(x->state);
         });
}

bool world::is_copy(const job& j) {
  return std::any_of(j.spec.needs.begin(), j.spec.needs.end(), [](auto& n) { return n.starts_with("node:"); });
}

void world::check_tick(const std::unordered_map<job_id, was>& before) {
  for (auto& [id, was] : before) {
    auto* now = queue_->find(id);
    PROMISE(now, "time removes nothing");
    // What is begun twice ends with the other, also when time ends that.
    // And a copy ends that has not begun by the next look.
    if (now->state == job_state::cancelled && (twin_has_ended(*now) || is_copy(*now))) {
      PROMISE(twin_has_ended(*now) || was.state != job_state::running, "a copy that runs is left alone");
      ++met[twin_has_ended(*now) ? "cancelled with its twin" : "copy not begun"];
      delayed_since_.erase(id);
      continue;
    }
    if (was.state == job_state::running) {
      if (lease_ends_.at(id) <= clock_.now) {
        ++met["lease expired"];
        bool last = was.failures + 1 >= was.retry.max_attempts;
        auto expected = last ? job_state::failed : was.lost ? job_state::delayed : job_state::queued;
        ++met[last ? "lost for good" : was.lost ? "lost again" : "lost and rerun"];
        PROMISE(now->failures == was.failures + 1, "a lost worker counts");
        PROMISE(now->state == expected, "what is lost runs again at once, and only what is lost again waits");
      } else {
        PROMISE(now->state == job_state::running && now->token() == was.lease, "a live lease is left alone");
      }
    }
    if (was.state == job_state::delayed && now->state != job_state::delayed)
      PROMISE(due_.at(id) <= clock_.now, "nothing that is delayed runs early");
    if (was.state == job_state::delayed && now->state == job_state::delayed && was.attempt > 0) {
      auto since = delayed_since_.try_emplace(id, clock_.now).first->second;
      PROMISE(clock_.now - since <= was.longest_delay, "no clock makes a retry wait longer than its rule");
    }
    if (now->state != job_state::delayed)
      delayed_since_.erase(id);
  }
}

bool world::could_run(const job& j, const worker_info& w,
                      const std::map<std::pair<worker_id, std::string>, uint32_t>& used) {
  if (!covers(w.kinds, {j.spec.kind}) || !offers(w, j) || w.silent >= lease)
    return false;
  auto u = used.find({w.id, j.spec.queue});
  for (auto& c : w.credit)
    if (c.queue == j.spec.queue && c.slots > (u == used.end() ? 0 : u->second))
      return true;
  return false;
}

void world::check_placing(const std::unordered_map<job_id, was>& before) {
  auto now = jobs();
  std::map<std::string, uint32_t> running;
  std::map<std::pair<worker_id, std::string>, uint32_t> used;
  std::map<std::string, queue_settings> settings;
  for (auto& s : queue_->queues())
    settings[s.settings.name] = s.settings;
  for (auto* p : now)
    if (auto& j = *p; j.state == job_state::running) {
      ++running[j.spec.queue];
      ++running["kind:" + j.spec.kind];
      ++used[{j.lease_worker, j.spec.queue}];
    }
  auto closed = [&](const std::string& name) {
    auto& s = settings[name];
    return s.paused || (s.max_running && running[name] >= s.max_running);
  };
  auto workers = queue_->workers();
  std::set<std::string> closed_nodes;
  for (auto& n : queue_->nodes())
    if (!n.open)
      closed_nodes.insert(n.rules.name);
  for (auto* p : now) {
    if (is_terminal(p->state))
      continue;
    auto& j = *p;
    if (j.state != job_state::queued && j.state != job_state::running)
      queued_since_.erase(j.id);
    auto old = before.find(j.id);
    if (j.state == job_state::running && old->second.state != job_state::running) {
      auto& was = old->second;
      ++met["assigned"];
      rules_of_lease(j);
      PROMISE(was.state == job_state::queued && j.attempt == was.attempt + 1, "only queued jobs start");
      for (auto& name : {j.spec.queue, "kind:" + j.spec.kind}) {
        auto& s = settings[name];
        PROMISE(!s.paused, "nothing starts while paused");
        PROMISE(!s.max_running || running[name] <= s.max_running, "limits are never exceeded");
      }
      auto w = std::find_if(workers.begin(), workers.end(), [&](auto& x) { return x.id == j.lease_worker; });
      PROMISE(w != workers.end() && covers(w->kinds, std::vector{j.spec.kind}) && offers(*w, j),
              "only a worker that offers what is needed");
      std::string able_node;
      auto others = [&] {
        return std::any_of(workers.begin(), workers.end(), [&](auto& x) {
          able_node = x.node_name;
          return !failed_on(j).contains(x.node_name) && !closed_nodes.contains(x.node_name) && x.silent < lease
                 && covers(x.kinds, {j.spec.kind}) && offers(x, j)
                 && std::any_of(x.credit.begin(), x.credit.end(), [&](auto& y) { return y.queue == j.spec.queue; });
        });
      };
      if (failed_on(j).contains(w->node_name)) {
        auto since = queued_since_.find(j.id);
        ++met["retried on the same node"];
        bool able = others();
        PROMISE(
          (since != queued_since_.end() && clock_.now - since->second + longest_step >= placing_rules{}.elsewhere_wait)
            || !able,
          "a retry goes to another node first: " + able_node + " could; job " + j.id.str() + " is on " + w->node_name
            + ", failed on " + std::to_string(failed_on(j).size()) + ", queued for "
            + std::to_string(since == queued_since_.end() ? -1 : (clock_.now - since->second).count()) + " ms");
      }
      queued_since_.erase(j.id);
      auto c = std::find_if(w->credit.begin(), w->credit.end(), [&](auto& x) { return x.queue == j.spec.queue; });
      auto busy = used[{w->id, j.spec.queue}];
      PROMISE(c != w->credit.end() && busy <= c->slots, "never more than the credit");
      for (auto* o : now)
        if (auto& other = *o; other.state == job_state::queued && other.spec.queue == j.spec.queue
                              && other.spec.kind == j.spec.kind
                              && other.spec.needs == j.spec.needs
                              // What goes on after its parts is short work, and no limit holds it back.
                              && other.delegated() == j.delegated() && other.failures + other.interruptions == 0)
          PROMISE(
            (std::tuple(j.spec.priority, j.created, j.id) < std::tuple(other.spec.priority, other.created, other.id)),
            "priority, then age");
    }
    auto since = j.state == job_state::queued ? queued_since_.try_emplace(j.id, clock_.now).first->second : clock_.now;
    if (j.state != job_state::queued || closed(j.spec.queue) || closed("kind:" + j.spec.kind))
      continue;
    auto failed = failed_on(j);
    auto anywhere = clock_.now - since > placing_rules{}.elsewhere_wait + longest_step;
    for (auto& w : workers)
      PROMISE(closed_nodes.contains(w.node_name) || (failed.contains(w.node_name) && !anywhere)
                || !could_run(j, w, used),
              "no job is left queued while a worker could run it: job " + j.id.str() + ", queued for "
                + std::to_string((clock_.now - since).count()) + " ms, failed on " + std::to_string(failed.size())
                + ", could run on " + w.node_name);
  }
}

void world::check_world() {
  auto all = jobs();
  for (auto* p : all) {
    auto& j = *p;
    const auto deps = waits_for(j);
    if (!is_terminal(j.state) && !j.delegated() && j.spec.on_dependency_failure == child_failure::fail)
      for (auto d : deps)
        if (auto* x = queue_->find(d))
          PROMISE(!is_terminal(x->state) || x->state == job_state::completed, "a failed dependency fails the job");
    PROMISE(is_terminal(j.state) || j.interruptions <= max_interruptions, "no job interrupts its node for ever");
    if (j.state != job_state::waiting)
      continue;
    ++met["waiting"];
    PROMISE(std::any_of(deps.begin(), deps.end(),
                        [&](auto d) {
                          auto* x = queue_->find(d);
                          return x && !is_terminal(x->state);
                        }),
            "no job waits on jobs that have all ended");
  }
  if (!all.empty()) {
    check_explained(*all[pick(all.size())]);
  }
  if (chance(10))
    check_counters();
}

void world::check_counters() {
  learn_copies();
  std::map<std::string, std::map<std::string, uint64_t>> counted;
  for (auto* j : jobs())
    for (auto& name : {j->spec.queue, "kind:" + j->spec.kind})
      ++counted[name][std::string{to_string(j->state)}];
  for (auto& s : queue_->queues())
    for (auto& [state, n] : s.by_state)
      PROMISE(n == counted[s.settings.name][state], "counts of " + s.settings.name + ", " + state);
}

void world::check_explained(const job& j) {
  auto x = queue_->explain(j.id);
  PROMISE(x && x->state == shown_state(j) && !x->reasons.empty(), "explain has a reason");
  std::string text;
  for (auto& r : x->reasons)
    text += r + "\n";
  auto says = [&](const std::string& what) { return text.find(what) != std::string::npos; };
  auto workers = queue_->workers();
  auto q = *queue_->settings_of(j.spec.queue), k = *queue_->settings_of("kind:" + j.spec.kind);
  if (j.state == job_state::queued) {
    PROMISE(says("queue " + j.spec.queue + " is paused") == q.paused, "paused when paused");
    PROMISE(says("kind " + j.spec.kind + " is paused") == k.paused, "paused when paused");
    PROMISE(says("no worker is connected") == workers.empty(), "no worker when none");
    bool any = std::any_of(workers.begin(), workers.end(), [&](auto& w) { return covers(w.kinds, {j.spec.kind}); });
    PROMISE(says("no connected worker runs jobs of kind") == (!any && !workers.empty()), "no such kind when so");
    bool able = std::any_of(workers.begin(), workers.end(),
                            [&](auto& w) { return covers(w.kinds, {j.spec.kind}) && offers(w, j); });
    PROMISE(says("offers all that it needs") == (any && !able), "names what is lacking");
    check_quoted(j, x->reasons);
  } else if (j.state == job_state::waiting) {
    PROMISE(says("it waits for"), "names what it waits for");
  } else if (j.state == job_state::delayed) {
    PROMISE(says(to_iso8601(j.run_at)), "says until when");
  } else if (j.state == job_state::running) {
    PROMISE(says(j.worker_name), "says where it runs");
  }
}

/// What is wrong is quoted where that is all that keeps a node from running the job, and nothing else is.
void world::check_quoted(const job& j, const std::vector<std::string>& reasons) {
  const auto workers = queue_->workers();
  const std::string_view before = "node ", between = " could run it but for this: ";
  size_t quoted = 0;
  for (auto& r : reasons) {
    auto at = r.find(between);
    if (at == std::string::npos)
      continue;
    ++quoted;
    auto node = r.substr(before.size(), at - before.size());
    PROMISE(std::any_of(workers.begin(), workers.end(),
                        [&](auto& w) {
                          return w.node_name == node && covers(w.kinds, {j.spec.kind}) && !offers(w, j)
                                 && covers(w.problems, {r.substr(at + between.size())});
                        }),
            "what is quoted is wrong where the job could run otherwise");
    PROMISE(std::any_of(j.spec.needs.begin(), j.spec.needs.end(),
                        [&](auto& need) { return r.substr(at + between.size()) == problem_of_mount(need); }),
            "what is quoted is about what the job needs");
  }
  PROMISE(quoted <= 3, "a few are quoted");
  if (quoted > 0)
    ++met["problem quoted"];
  auto able = std::any_of(workers.begin(), workers.end(),
                          [&](auto& w) { return covers(w.kinds, {j.spec.kind}) && offers(w, j); });
  auto ailing = std::any_of(workers.begin(), workers.end(), [&](auto& w) {
    auto lacks = j.spec.needs;
    std::erase_if(lacks, [&](auto& n) { return covers(w.capabilities, {n}) || n == node_capability(w.node_name); });
    return !w.problems.empty() && !lacks.empty() && queue_->node(w.node_name).open && w.silent < lease
           && covers(w.kinds, {j.spec.kind})
           && std::all_of(lacks.begin(), lacks.end(),
                          [&](auto& n) { return covers(w.problems, {problem_of_mount(n)}); })
           && std::any_of(w.credit.begin(), w.credit.end(), [&](auto& c) { return c.queue == j.spec.queue; });
  });
  PROMISE(able || !ailing || quoted > 0, "what is wrong is quoted where nobody can run it");
}

void world::check_recovered() {
  for (auto& [id, row] : rows_) {
    auto* j = queue_->find(id);
    PROMISE((j != nullptr) == !row.archived, "what was committed is there again");
    if (!j)
      continue;
    PROMISE(j->attempt == row.attempt && j->failures == row.failures, "a restart burns no attempt");
    PROMISE(is_terminal(j->state) || j->next == row.next, "what it handed on is known after a restart");
    if (row.state == job_state::running && row.lease_embedded)
      PROMISE(j->state == job_state::queued || j->state == job_state::failed, "an embedded worker is gone");
    else if (row.state == job_state::running)
      PROMISE(j->state == job_state::running && j->token() == row.token(), "other leases are kept");
    else if (row.state == job_state::completed || row.state == job_state::queued)
      PROMISE(j->state == row.state, "its state is kept");
  }
}

void world::check_retention() {
  std::map<std::string, std::set<job_id>> completed, failed;
  // Those that a waiting job depends on stay beyond the number.
  uint64_t wanted = 0;
  for (auto* j : jobs()) {
    if (j->state == job_state::waiting)
      wanted += waits_for(*j).size();
    if (is_terminal(j->state) && !queue_->find(j->spec.parent))
      (j->state == job_state::completed ? completed : failed)[j->spec.kind].insert(j->id);
  }
  for (auto& [kind, ids] : completed)
    PROMISE(ids.size() <= keep_completed_ + wanted, "only the last completed jobs stay in memory");
  for (auto& [kind, ids] : failed)
    PROMISE(ids.size() <= keep_failed_ + wanted, "only the last failed jobs stay in memory");
  // What leaves memory has ended, and nothing waits for it.
  for (auto& change : next_.what.rows)
    if (auto& row = change.row; row.archived) {
      ++met["archived"];
      PROMISE(is_terminal(row.state), "only what has ended leaves memory");
      auto& kept = row.state == job_state::completed ? completed[row.spec.kind] : failed[row.spec.kind];
      auto keep = row.state == job_state::completed ? keep_completed_ : keep_failed_;
      PROMISE(kept.size() >= keep, "the last ones stay in memory");
      PROMISE(!queue_->find(row.spec.parent), "children stay while their parent does");
      for (auto* j : jobs()) {
        const auto waited_for = waits_for(*j);
        PROMISE(j->state != job_state::waiting
                  || std::find(waited_for.begin(), waited_for.end(), row.id) == waited_for.end(),
                "what is waited for stays in memory");
      }
    }
}

void world::check_unique(const job& row) {
  for (auto& [id, other] : rows_) {
    if (id == row.id)
      continue;
    PROMISE(row.spec.submission_id.empty() || other.spec.submission_id != row.spec.submission_id,
            "a submission id is in the database once");
    PROMISE(row.spec.unique_key.empty() || is_terminal(row.state) || is_terminal(other.state)
              || other.spec.unique_key != row.spec.unique_key,
            "a unique key is held once, also within a batch");
  }
}

void world::check_revoked() {
  for (auto& [worker, token] : next_.cancelled) {
    auto is_it = [&, t = token](auto& x) { return x.second.token == t; };
    auto sent = [&](auto& list) { return std::any_of(list.begin(), list.end(), is_it); };
    bool assigned = sent(old_assignments_) || std::any_of(flying_.begin(), flying_.end(), [&](auto& f) {
                      return sent(f.what.effects.assignments);
                    });
    auto& told = next_.what.effects.revocations;
    PROMISE(!assigned || std::find(told.begin(), told.end(), std::pair{worker, token}) != told.end(),
            "the worker of a cancelled job is told");
  }
}

void world::check_delays() {
  learn_copies();
  for (auto* j : jobs()) {
    if (j->state != job_state::delayed) {
      due_.erase(j->id);
      continue;
    }
    auto wait = std::max(milliseconds{0}, j->run_at - clock_.wall());
    if (!due_.try_emplace(j->id, clock_.now + wait).second || j->attempt == 0)
      continue;
    auto& rule = j->spec.retry;
    auto& last = j->attempts.back();
    auto least = rule.first_delay;
    if (last.end == attempt_end::failed && last.cls == error_class::throttled)
      least = last.failure.retry_after > milliseconds{0} ? last.failure.retry_after : rule.first_delay;
    else if (rule.exponential)
      least = std::min(rule.first_delay * (1 << (j->failures - 1)), rule.max_delay) * 8 / 10;
    PROMISE(wait >= least, "a retry waits as long as its rule says");
  }
}

} // namespace troupe::dispatch::test

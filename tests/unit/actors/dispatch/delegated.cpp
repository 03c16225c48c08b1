// What must hold for jobs that hand their work to others, in a simulated world.

#include "tests/unit/actors/dispatch/world.hpp"

#include <algorithm>

namespace troupe::dispatch::test {

void world::check_delegated(const job& before, const delegation& x, size_t children_before) {
  auto& now = *queue_->find(before.id);
  PROMISE(now.attempt == before.attempt, "an outcome starts no attempt");
  if (now.attempts.empty() || now.attempts.back().end != attempt_end::delegated) {
    auto code = now.last_error.code;
    ++met["delegation refused: " + std::string{to_string(code)}];
    PROMISE(queue_->children_of(before.id).size() == children_before, "a refused delegation makes no jobs");
    PROMISE(now.state == job_state::failed || now.next == before.next, "what it handed on before still counts");
    return check_failed(before, now, default_class(code));
  }
  ++met["delegated"];
  PROMISE(now.state == job_state::waiting && now.failures == before.failures, "it waits, and nothing is burnt");
  PROMISE(now.delegated(), "what it goes on with is known");
  auto& next = now.next.front();
  PROMISE(next.state == x.next.state && next.stage == x.next.stage, "what it left is kept");
  PROMISE(next.children.size() == x.keep.size() + x.jobs.size(), "a child for each");
  if (!x.keep.empty())
    ++met["parts kept"];
  for (size_t i = 0; i < next.children.size(); ++i) {
    auto& c = next.children[i];
    auto* child = queue_->find(c.id);
    PROMISE(child && child->spec.parent == before.id, "its children are its own");
    if (i < x.keep.size()) {
      PROMISE(c.id == x.keep[i], "what is kept comes first");
      continue;
    }
    auto& wanted = x.jobs[i - x.keep.size()];
    PROMISE(child->attempt == 0 && !is_terminal(child->state), "a new job for each part");
    PROMISE(child->spec.kind == wanted.kind && child->spec.needs == wanted.needs
              && child->spec.priority == before.spec.priority && child->spec.owner == before.spec.owner,
            "parts are what they were to be");
    PROMISE(c.share == x.shares[i - x.keep.size()], "each has its share");
    ids_.push_back(c.id);
  }
}

void world::learn_copies() {
  std::set<job_id> known{ids_.begin(), ids_.end()};
  for (auto* j : jobs())
    for (auto id : queue_->children_of(j->id))
      if (known.insert(id).second) {
        ids_.push_back(id);
        ++met["part begun twice"];
      }
}

void world::check_handed_on() {
  learn_copies();
  for (auto* j : jobs()) {
    auto known = handed_on_.find(j->id);
    if (j->state == job_state::waiting && j->delegated()) {
      auto& x = known == handed_on_.end() ? handed_on_[j->id] : known->second;
      auto open = [&](auto& c) {
        auto* child = queue_->find(c.id);
        return child && !is_terminal(child->state);
      };
      auto& children = j->next.front().children;
      PROMISE(std::any_of(children.begin(), children.end(), open), "it goes on when the last of them has ended");
      PROMISE(x.children.empty() || j->progress.fraction >= x.progress, "what people see of it never goes back");
      PROMISE(x.children.empty() || x.attempt == j->attempt, "no attempt of it runs meanwhile");
      x.children.clear();
      for (auto& c : children)
        x.children.push_back(c.id);
      x.attempt = j->attempt;
      x.progress = j->progress.fraction;
    } else if (known != handed_on_.end()) {
      auto& x = known->second;
      for (auto id : x.children) {
        auto* child = queue_->find(id);
        PROMISE(!child || is_terminal(child->state), "none of its children is left behind");
      }
      PROMISE(j->attempt == x.attempt, "it goes on once");
      PROMISE(j->state == job_state::queued || j->state == job_state::cancelled, "it goes on, or was cancelled");
      PROMISE(j->delegated() == (j->state == job_state::queued), "it knows with what it goes on");
      ++met[j->state == job_state::queued ? "went on" : "cancelled with its children"];
      handed_on_.erase(known);
    }
  }
}

void world::check_told(const assignment& a) {
  auto& row = rows_.at(a.token.job);
  if (!row.delegated()) {
    PROMISE(a.children.empty(), "only who goes on is told of children");
    auto parent = rows_.find(row.spec.parent);
    // One that was made with what it waits for now: others may have begun before that.
    if (parent != rows_.end() && parent->second.delegated() && parent->second.attempts.back().ended == row.created)
      PROMISE(a.state == parent->second.next.front().state, "a part is told what all of them share");
    return;
  }
  auto& next = row.next.front();
  if (term_ > 1)
    ++met["goes on after a restart"];
  PROMISE(a.state == next.state && a.children.size() == next.children.size(), "it goes on with what it left");
  for (size_t i = 0; i < a.children.size(); ++i) {
    auto& told = a.children[i];
    PROMISE(told.id == next.children[i].id, "its children in order");
    if (told.state != job_state::completed || removal_asked_.contains(told.id))
      continue;
    auto child = rows_.find(told.id);
    PROMISE(child != rows_.end() && child->second.state == job_state::completed && child->second.result == told.result,
            "what it goes on with is committed");
  }
}

} // namespace troupe::dispatch::test

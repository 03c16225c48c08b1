#include "actors/supervision/supervision_plan.hpp"

#include <algorithm>
#include <utility>

namespace troupe::supervision {

supervision_plan::supervision_plan(supervision::strategy how, backoff delays, intensity limit,
                                   std::vector<child_traits> children, const random_source& random) :
  how_(how),
  intensity_(limit) {
  children_.reserve(children.size());
  for (auto& traits : children)
    children_.push_back(child_state{traits, restart_policy{delays, random}});
}

steps supervision_plan::begin(mono_time now) {
  return advance(now);
}

steps supervision_plan::started(size_t child, mono_time now) {
  return children_[child].traits.awaits_ready ? advance(now) : ready(child, now);
}

steps supervision_plan::ready(size_t child, mono_time now) {
  auto& it = children_[child];
  if (it.phase != child_phase::starting)
    return {};
  it.phase = child_phase::running;
  // One that goes down with its group keeps its place in the group's order.
  it.ordered = it.must_stop;
  it.policy.running(now);
  return advance(now);
}

steps supervision_plan::overdue(size_t child, mono_time now) {
  auto& it = children_[child];
  if (it.phase != child_phase::starting || it.must_stop)
    return {};
  it.must_stop = true;
  it.overdue = true;
  return advance(now);
}

steps supervision_plan::start_failed(size_t child, mono_time now) {
  return exited(child, false, now);
}

steps supervision_plan::exited(size_t child, bool normal, mono_time now) {
  auto& it = children_[child];
  if (!it.live())
    return {};
  auto expected = std::exchange(it.must_stop, false);
  auto was_overdue = std::exchange(it.overdue, false);
  if (ending_ || (expected && !was_overdue && it.traits.kind == restart_kind::temporary))
    it.phase = child_phase::off;
  else if (expected && !was_overdue)
    it.phase = child_phase::pending;
  else if (ended_unexpectedly(child, normal && !was_overdue, now))
    crash(child, now);
  return advance(now);
}

steps supervision_plan::abandoned(size_t child, mono_time now) {
  if (!ending_ || children_[child].phase != child_phase::stopping)
    return {};
  return exited(child, false, now);
}

steps supervision_plan::tick(mono_time now) {
  if (now >= wake_)
    wake_ = mono_time::max();
  return advance(now);
}

steps supervision_plan::stop(mono_time now) {
  begin_end();
  return advance(now);
}

bool supervision_plan::settled() const noexcept {
  return std::all_of(children_.begin(), children_.end(),
                     [](auto& it) { return it.phase == child_phase::running || it.phase == child_phase::off; });
}

/// True: it has to be restarted.
bool supervision_plan::ended_unexpectedly(size_t child, bool normal, mono_time now) {
  auto& it = children_[child];
  auto again = it.traits.kind == restart_kind::permanent || (it.traits.kind == restart_kind::transient && !normal);
  if (again && intensity_.allow(now))
    return true;
  it.phase = child_phase::off;
  if (again) {
    escalated_ = true;
    begin_end();
  }
  return false;
}

void supervision_plan::crash(size_t child, mono_time now) {
  auto& crashed = children_[child];
  crashed.phase = child_phase::pending;
  crashed.not_before = now + crashed.policy.crashed(now);
  if (how_ == strategy::one_for_one)
    return;
  // The whole group waits for the backoff, goes down from its end and comes up from its beginning.
  for (size_t i = how_ == strategy::one_for_all ? 0 : child; i < children_.size(); ++i) {
    auto& it = children_[i];
    if (it.phase == child_phase::off)
      continue;
    it.must_stop = it.live();
    // Its failure to become ready in time is not counted beside the crash that takes it down anyway.
    it.overdue = false;
    it.ordered = true;
    it.not_before = std::max(it.not_before, crashed.not_before);
  }
}

void supervision_plan::begin_end() {
  ending_ = true;
  for (auto& it : children_) {
    it.must_stop = it.live();
    if (!it.live())
      it.phase = child_phase::off;
  }
}

steps supervision_plan::advance(mono_time now) {
  steps out;
  if (ended_)
    return out;
  next_stop(out);
  if (!ending_)
    next_start(now, out);
  else if (std::none_of(children_.begin(), children_.end(), [](auto& it) { return it.live(); })) {
    ended_ = true;
    out.push_back({action::end});
  }
  return out;
}

/// One at a time, the last first.
void supervision_plan::next_stop(steps& out) {
  if (std::any_of(children_.begin(), children_.end(), [](auto& it) { return it.phase == child_phase::stopping; }))
    return;
  for (size_t i = children_.size(); i-- > 0;) {
    if (!children_[i].must_stop)
      continue;
    children_[i].phase = child_phase::stopping;
    out.push_back({action::stop, i});
    return;
  }
}

/// One at a time too: the next one may depend on what comes of it.
void supervision_plan::next_start(mono_time now, steps& out) {
  auto next = mono_time::max();
  for (size_t i = 0; i < children_.size(); ++i) {
    auto& it = children_[i];
    if (it.phase != child_phase::pending || blocked(i))
      continue;
    if (it.not_before > now) {
      next = std::min(next, it.not_before);
      continue;
    }
    it.phase = child_phase::starting;
    ++it.starts;
    out.push_back({action::start, i});
    return;
  }
  if (next < wake_) {
    wake_ = next;
    out.push_back({action::wait, 0, next - now});
  }
}

/// An ordered start waits until nothing of its group is left to stop and all before it run.
bool supervision_plan::blocked(size_t child) const {
  if (!children_[child].ordered)
    return false;
  for (size_t i = 0; i < children_.size(); ++i) {
    auto& it = children_[i];
    if (it.must_stop)
      return true;
    if (i < child && (it.phase == child_phase::pending || it.phase == child_phase::starting))
      return true;
  }
  return false;
}

} // namespace troupe::supervision

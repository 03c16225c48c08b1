#define CAF_SUITE unit.supervision.plan

#include "actors/supervision/supervision_plan.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <algorithm>

#include <cstdlib>
#include <deque>
#include <random>

using namespace troupe;
using namespace troupe::supervision;
using namespace std::chrono_literals;

namespace {

/// A supervisor's world: carries out a plan's steps in random order of events and holds every promise of it against
/// what happens.
struct world {
  explicit world(uint64_t seed) : rng(seed) {
    how = static_cast<strategy>(pick(3));
    limit = {static_cast<uint32_t>(pick(12)), milliseconds{1000 * (1 + static_cast<int>(pick(60)))}};
    delays.jitter = static_cast<double>(pick(101)) / 100;
    std::vector<child_traits> traits;
    for (uint64_t i = 0, n = 1 + pick(6); i < n; ++i)
      traits.push_back({static_cast<restart_kind>(pick(3)), pick(4) == 0});
    kids.resize(traits.size());
    for (size_t i = 0; i < kids.size(); ++i)
      kids[i].traits = traits[i];
    plan.emplace(how, delays, limit, traits, [this] { return rng(); });
  }

  uint64_t pick(uint64_t n) {
    return rng() % n;
  }

  void check(bool ok, const std::string& what) {
    if (!ok && problem.empty())
      problem = what + " (event " + std::to_string(events) + ")";
  }

  bool up(size_t i) const {
    return kids[i].state != kid::down;
  }

  void perform(const steps& todo) {
    std::deque<step> queue{todo.begin(), todo.end()};
    while (!queue.empty()) {
      auto next = queue.front();
      queue.pop_front();
      for (auto& more : one(next))
        queue.push_back(more);
    }
  }

  steps one(const step& what) {
    check(!ended, "a step after the end");
    switch (what.what) {
    case action::start:
      return start(what.child);
    case action::stop:
      stop(what.child);
      return {};
    case action::wait:
      check(what.delay > 0ms, "a wait for nothing");
      wakes.push_back(now + what.delay);
      return {};
    case action::end:
      ended = true;
      for (size_t i = 0; i < kids.size(); ++i)
        check(!up(i), "ended while a child is up");
      return {};
    }
    return {};
  }

  steps start(size_t i) {
    auto& it = kids[i];
    check(plan->phase(i) == child_phase::starting, "started out of its phase");
    check(!up(i), "started twice");
    check(!plan->ending(), "started while ending");
    check(it.traits.kind != restart_kind::temporary || it.starts == 0, "a temporary child was restarted");
    check(!it.finished, "a child that had ended for good was started");
    check(now >= it.not_before, "started before its backoff was over");
    if (it.in_order)
      for (size_t j = 0; j < i; ++j)
        check(plan->phase(j) == child_phase::running || plan->phase(j) == child_phase::off,
              "started before those ahead of it ran");
    ++it.starts;
    if (pick(8) == 0)
      return fail(i, [&] { return plan->start_failed(i, now); });
    it.state = it.traits.awaits_ready ? kid::unready : kid::ready;
    if (it.state == kid::ready)
      it.in_order = false;
    return plan->started(i, now);
  }

  void stop(size_t i) {
    if (!up(i))
      return;
    check(kids[i].state != kid::stopping, "stopped twice");
    for (size_t j = 0; j < kids.size(); ++j)
      check(kids[j].state != kid::stopping, "two stops at a time");
    if (plan->ending())
      for (size_t j = i + 1; j < kids.size(); ++j)
        check(!up(j), "stopped before a later child");
    kids[i].state = kid::stopping;
  }

  /// An end that nobody asked for, with what the plan has to do about it.
  template <class F>
  steps fail(size_t i, F report, bool normal = false) {
    auto& it = kids[i];
    it.state = kid::down;
    auto was_ending = plan->ending();
    auto again = it.traits.kind == restart_kind::permanent || (it.traits.kind == restart_kind::transient && !normal);
    auto too_many = false;
    if (again && !was_ending) {
      while (!restarts.empty() && now - restarts.front() >= limit.window)
        restarts.pop_front();
      too_many = restarts.size() >= limit.max_restarts;
      if (!too_many)
        restarts.push_back(now);
    }
    auto todo = report();
    check(plan->escalated() == (escalated || too_many), "escalation is not what the intensity says");
    escalated = plan->escalated();
    if (!again)
      it.finished = true;
    if (again && !was_ending && !too_many)
      note_crash(i, todo);
    return todo;
  }

  void note_crash(size_t i, const steps& todo) {
    auto shortest = delays.first.count() * (1 - delays.jitter) - 1;
    kids[i].not_before = now + milliseconds{static_cast<int64_t>(std::max(shortest, 0.0))};
    size_t from = how == strategy::one_for_one ? i : how == strategy::one_for_all ? 0 : i;
    size_t to = how == strategy::one_for_one ? i + 1 : kids.size();
    for (size_t j = from; j < to; ++j) {
      if (how != strategy::one_for_one && !kids[j].finished)
        kids[j].in_order = true;
      if (j != i && up(j) && kids[j].state != kid::stopping)
        kids[j].told = true;
    }
    for (auto& s : todo)
      if (s.what == action::stop && !kids[s.child].told && !kids[s.child].overdue)
        check(s.child >= from && s.child < to, "a child outside of the group was stopped");
  }

  void child_ends(size_t i) {
    auto& it = kids[i];
    auto asked = it.state == kid::stopping || it.told;
    auto normal = pick(2) == 0;
    if (plan->ending() || (asked && !it.overdue)) {
      it.state = kid::down;
      if (it.traits.kind == restart_kind::temporary)
        it.finished = true;
      it.told = false;
      return perform(plan->exited(i, normal, now));
    }
    it.told = false;
    auto counts_as_normal = normal && !it.overdue;
    it.overdue = false;
    perform(fail(
      i, [&] { return plan->exited(i, normal, now); }, counts_as_normal));
  }

  void event() {
    ++events;
    auto i = pick(kids.size());
    switch (pick(7)) {
    case 0:
    case 1:
      return up(i) ? child_ends(i) : (void)perform(plan->exited(i, false, now));
    case 2:
      if (kids[i].state == kid::unready && !kids[i].told) {
        kids[i].state = kid::ready;
        kids[i].in_order = false;
      }
      return perform(plan->ready(i, now));
    case 3:
      if (how == strategy::one_for_one && kids[i].state == kid::unready && !plan->ending())
        return perform((kids[i].overdue = true, plan->overdue(i, now)));
      return;
    case 4:
      for (size_t j = 0; j < kids.size(); ++j)
        if (kids[j].state == kid::stopping)
          return child_ends(j);
      return;
    default:
      now += milliseconds{static_cast<int64_t>(pick(20'000))};
      return perform(plan->tick(now));
    }
  }

  void run() {
    perform(plan->begin(now));
    for (int i = 0; i < 60 && !ended && problem.empty(); ++i)
      event();
    settle();
    if (!ended)
      perform(plan->stop(now));
    for (size_t guard = 0; guard < 3 * kids.size() && !ended; ++guard)
      for (size_t j = 0; j < kids.size(); ++j)
        if (kids[j].state == kid::stopping)
          child_ends(j);
    check(ended, "stopping does not end");
    check(plan->tick(now).empty() && plan->stop(now).empty(), "steps after the end");
  }

  /// With no more crashes everything that has not ended for good comes up.
  void settle() {
    for (int i = 0; i < 100 && !ended && problem.empty() && !plan->settled(); ++i) {
      for (size_t j = 0; j < kids.size(); ++j) {
        if (kids[j].state == kid::stopping)
          child_ends(j);
        else if (kids[j].state == kid::unready && !kids[j].told && !kids[j].overdue) {
          kids[j].state = kid::ready;
          kids[j].in_order = false;
          perform(plan->ready(j, now));
        }
      }
      // Only the wakes that were asked for: none may be forgotten.
      if (!wakes.empty()) {
        now = std::max(now, *std::min_element(wakes.begin(), wakes.end()));
        std::erase_if(wakes, [&](auto t) { return t <= now; });
        perform(plan->tick(now));
      }
    }
    check(ended || plan->settled(), "it never settles");
  }

  struct kid {
    enum what { down, unready, ready, stopping };
    child_traits traits;
    what state = down;
    bool in_order = true;
    bool finished = false;
    /// Belongs to a group that goes down.
    bool told = false;
    bool overdue = false;
    int starts = 0;
    mono_time not_before = mono_time::min();
  };

  std::mt19937_64 rng;
  strategy how = strategy::one_for_one;
  intensity limit;
  backoff delays;
  std::vector<kid> kids;
  std::optional<supervision_plan> plan;
  mono_time now{1h};
  std::deque<mono_time> restarts;
  std::vector<mono_time> wakes;
  bool ended = false;
  bool escalated = false;
  int events = 0;
  std::string problem;
};

uint64_t number(const char* variable, uint64_t otherwise) {
  auto text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

} // namespace

CAF_TEST(every promise holds over many seeds) {
  auto one = number("TROUPE_SEED", 0);
  auto count = one ? 1 : number("TROUPE_SEEDS", 20'000);
  uint64_t failures = 0;
  uint64_t escalations = 0;
  for (uint64_t i = 0; i < count && failures < 5; ++i) {
    auto seed = one ? one : i + 1;
    world w{seed};
    w.run();
    escalations += w.escalated;
    if (!w.problem.empty()) {
      ++failures;
      CAF_ERROR("TROUPE_SEED=" << seed << ": " << w.problem);
    }
  }
  CAF_CHECK_EQUAL(failures, 0u);
  CAF_MESSAGE(count << " seeds, " << escalations << " escalations");
}

CAF_TEST(delays grow by the factor and stay within jitter and maximum) {
  auto count = number("TROUPE_SEEDS", 20'000);
  for (uint64_t seed = 1; seed <= count; ++seed) {
    std::mt19937_64 rng{seed};
    backoff config;
    config.first = milliseconds{1 + static_cast<int>(rng() % 1000)};
    config.max = milliseconds{1000 + static_cast<int>(rng() % 100'000)};
    config.jitter = static_cast<double>(rng() % 101) / 100;
    restart_policy policy{config, [&] { return rng(); }};
    mono_time now{};
    double expected = static_cast<double>(config.first.count());
    for (int i = 0; i < 50; ++i) {
      auto healthy = rng() % 10 == 0;
      policy.running(now);
      now += healthy ? config.healthy : config.healthy - 1ms;
      if (healthy)
        expected = static_cast<double>(config.first.count());
      auto delay = static_cast<double>(policy.crashed(now).count());
      auto highest = std::min(expected, static_cast<double>(config.max.count()));
      if (delay > highest + 0.5 || delay < highest * (1 - config.jitter) - 0.5)
        CAF_FAIL("TROUPE_SEED=" << seed << ": " << delay << " is not within the jitter of " << highest);
      expected *= config.factor;
    }
  }
}

CAF_TEST(a million crashes do not overflow) {
  restart_policy policy{backoff{}, [] { return uint64_t{0}; }};
  for (int i = 0; i < 1'000'000; ++i)
    policy.crashed(mono_time{});
  CAF_CHECK_EQUAL(policy.crashed(mono_time{}).count(), 30'000);
}

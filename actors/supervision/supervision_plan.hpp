#pragma once

// What a supervisor does about each event, decided without actors: which child to stop, to start, to wait for, and when
// to give up. The supervisor actor carries the steps out in order and reports back what came of them.

#include "actors/supervision/restart_policy.hpp"

#include <vector>

namespace troupe::supervision {

enum class restart_kind : uint8_t {
  /// Always started again.
  permanent,
  /// Started again after a failure; a normal end is its end.
  transient,
  /// Never started again.
  temporary
};

/// Which children are restarted when one crashes. Children that have ended for good stay so.
enum class strategy : uint8_t {
  /// The crashed one alone.
  one_for_one,
  /// All of them.
  one_for_all,
  /// The crashed one and those after it.
  rest_for_one
};

enum class child_phase : uint8_t {
  /// To be started when its time and turn have come.
  pending,
  /// Started, has not said that it is ready.
  starting,
  running,
  /// Told to end.
  stopping,
  /// Ended for good.
  off
};

struct child_traits {
  restart_kind kind = restart_kind::permanent;
  /// Running only once it says so; those after it start later.
  bool awaits_ready = false;
};

enum class action : uint8_t {
  /// Start the child, then call started() or start_failed() before anything else. Always the last of its steps.
  start,
  /// Tell the child to end; exited() follows, or abandoned().
  stop,
  /// Call tick() after the delay.
  wait,
  /// Nothing is left: the supervisor ends. Once, last.
  end
};

struct step {
  action what = action::end;
  size_t child = 0;
  milliseconds delay{0};

  bool operator==(const step&) const = default;
};

using steps = std::vector<step>;

/// One supervisor's children, in their order of start. Stops go one at a time from the last to the first; ordered
/// starts (the first one, and those of a group) go one at a time from the first to the last, each when all before it
/// run. A lone restart waits for nothing but its backoff. Events about children they can't be true of are ignored.
class supervision_plan {
public:
  supervision_plan(supervision::strategy how, backoff delays, intensity limit, std::vector<child_traits> children,
                   const random_source& random);

  steps begin(mono_time now);
  steps started(size_t child, mono_time now);
  steps ready(size_t child, mono_time now);
  /// It did not say in time that it is ready: stopped, and counted as a crash.
  steps overdue(size_t child, mono_time now);
  /// A crash before it ran.
  steps start_failed(size_t child, mono_time now);
  /// @param normal it ended of its own will, without a failure.
  steps exited(size_t child, bool normal, mono_time now);
  /// A child that does not end although it was killed is left behind. Only while ending.
  steps abandoned(size_t child, mono_time now);
  steps tick(mono_time now);
  /// Ends everything.
  steps stop(mono_time now);

  child_phase phase(size_t child) const noexcept {
    return children_[child].phase;
  }
  /// How often it was started again, for whatever reason.
  uint32_t restarts(size_t child) const noexcept {
    return children_[child].starts > 1 ? children_[child].starts - 1 : 0;
  }
  /// Stopping for good.
  bool ending() const noexcept {
    return ending_;
  }
  /// Ending because the restart intensity was exceeded.
  bool escalated() const noexcept {
    return escalated_;
  }
  /// Every child runs or has ended for good.
  bool settled() const noexcept;
  size_t size() const noexcept {
    return children_.size();
  }

private:
  struct child_state {
    child_traits traits;
    restart_policy policy;
    child_phase phase = child_phase::pending;
    /// Waits for those before it.
    bool ordered = true;
    /// Has to go down (again: up afterwards, unless ending).
    bool must_stop = false;
    /// Goes down because it was not ready in time.
    bool overdue = false;
    mono_time not_before = mono_time::min();
    uint32_t starts = 0;

    bool live() const noexcept {
      return phase == child_phase::starting || phase == child_phase::running || phase == child_phase::stopping;
    }
  };

  bool ended_unexpectedly(size_t child, bool normal, mono_time now);
  void crash(size_t child, mono_time now);
  void begin_end();
  steps advance(mono_time now);
  void next_stop(steps& out);
  void next_start(mono_time now, steps& out);
  bool blocked(size_t child) const;

  supervision::strategy how_;
  restart_intensity intensity_;
  std::vector<child_state> children_;
  bool ending_ = false;
  bool escalated_ = false;
  bool ended_ = false;
  /// The earliest tick that was asked for.
  mono_time wake_ = mono_time::max();
};

} // namespace troupe::supervision

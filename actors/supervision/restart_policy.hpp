#pragma once

// When a crashed child starts again, and when its supervisor gives up. Actor-free: time and chance are handed in.

#include "protocol/model/growing_delay.hpp"

#include <deque>

namespace troupe::supervision {

/// Yields 64 random bits a call.
using random_source = std::function<uint64_t()>;

/// growing_delay's settings, and one of our own.
struct backoff {
  milliseconds first{100};
  milliseconds max{30'000};
  double factor = 2;
  double jitter = 0.25;
  /// A child that ran this long is healthy: its next crash starts at `first` again.
  milliseconds healthy{60'000};
};

/// More than `max_restarts` restarts within `window`: the supervisor gives up and escalates to its parent.
struct intensity {
  uint32_t max_restarts = 5;
  milliseconds window{60'000};
};

/// The backoff of one child.
class restart_policy {
public:
  restart_policy(backoff config, random_source random);

  /// The child runs (and is ready).
  void running(mono_time now);
  /// The child crashed or could not be started: how long to wait before it starts again.
  milliseconds crashed(mono_time now);

private:
  growing_delay delay_;
  milliseconds healthy_;
  /// max(): it is not running.
  mono_time running_since_ = mono_time::max();
};

/// Counts the restarts of one supervisor in a sliding window.
class restart_intensity {
public:
  explicit restart_intensity(intensity config);

  /// Counts one restart. False: that is one too many.
  [[nodiscard]] bool allow(mono_time now);

private:
  intensity config_;
  std::deque<mono_time> recent_;
};

} // namespace troupe::supervision

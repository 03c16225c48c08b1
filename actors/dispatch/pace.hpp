#pragma once

// How fast the parts of a job get done, all together. Pure; the caller brings the time.

#include "protocol/model/time.hpp"

#include <optional>

namespace troupe::dispatch {

/// Shares done by time, where what was long ago counts for less: a cluster that has become busy, or was paused, shows
/// within minutes, and one report hardly.
class pace {
public:
  /// The first of them has begun; what is done before that is not counted. Again: nothing happens.
  void begin(mono_time now);
  /// So much has been done since the last call. Nothing happens before `begin`.
  void add(double shares, mono_time now);
  /// How long so much takes. Nothing: too early to say, or longer than anybody waits.
  std::optional<milliseconds> time_for(double shares) const;

private:
  std::optional<mono_time> at_;
  double done_ = 0;
  /// Milliseconds.
  double time_ = 0;
};

} // namespace troupe::dispatch

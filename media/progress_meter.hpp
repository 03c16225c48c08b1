#pragma once

#include "media/task.hpp"

#include <chrono>

namespace troupe::media {

/// Turns positions in the film into progress reports, at most 10 a second.
class progress_meter {
public:
  /// `duration` in seconds; 0: unknown, then the fraction stays 0.
  progress_meter(const task& job, double duration);

  void at(double position, int64_t frames, int64_t bytes);
  /// The last report: all done. Comes once, however soon after the one before.
  void finish(double position, int64_t frames, int64_t bytes);
  /// Since the start.
  double seconds() const;

private:
  void report(double fraction, double position, int64_t frames, int64_t bytes);

  const task& job_;
  double duration_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point next_;
  double furthest_ = 0;
};

} // namespace troupe::media

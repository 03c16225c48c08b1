#pragma once

#include "media/task.hpp"

#include <chrono>

namespace troupe::media {

/// Turns positions in the film into progress reports, at most 10 a second.
class progress_meter {
public:
  /// `duration` in seconds; 0: unknown, then the fraction stays at its beginning. The work is the part of the operation
  /// between the fractions `from` and `to`.
  progress_meter(const task& job, double duration, double from = 0, double to = 1);

  /// Nothing is said while nothing moves.
  void at(double position, int64_t frames, int64_t bytes);
  /// The last report: all done. Comes once, however soon after the one before.
  void finish(double position, int64_t frames, int64_t bytes);
  /// Since the start.
  double seconds() const;

private:
  void report(double fraction, double position, int64_t frames, int64_t bytes);

  const task& job_;
  double duration_;
  double from_;
  double to_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point next_;
  double furthest_ = 0;
  int64_t reported_ = -1;
  double furthest_reported_ = -1;
};

} // namespace troupe::media

#pragma once

#include <atomic>
#include <cstdint>

namespace troupe::media {

/// Ends an operation that takes too much processor time, all threads together: sets `cancelled`, and the process ends
/// by SIGXCPU when the operation goes on for two more seconds. One at a time in a process.
class processor_time {
public:
  /// `seconds` 0: no limit. Borrows `cancelled`.
  processor_time(uint64_t seconds, std::atomic<bool>& cancelled);
  ~processor_time();
  processor_time(const processor_time&) = delete;
  processor_time& operator=(const processor_time&) = delete;

  /// Whether it was this that set `cancelled`.
  bool spent() const noexcept;
};

} // namespace troupe::media

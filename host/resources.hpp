#pragma once

// What this process and its machine use: for the health check and the process metrics.

#include "protocol/model/result.hpp"
#include "protocol/model/time.hpp"

namespace troupe::host {

struct process_usage {
  /// Bytes.
  uint64_t resident = 0;
  uint64_t virtual_size = 0;
  /// User and system time, seconds.
  double cpu_seconds = 0;
  uint32_t open_descriptors = 0;
  uint64_t max_descriptors = 0;
  uint32_t threads = 0;
  timestamp started;
};

struct machine_usage {
  /// Mean number of runnable tasks over one minute.
  double load = 0;
  uint32_t cores = 0;
  /// Bytes.
  uint64_t memory_total = 0;
  uint64_t memory_available = 0;
};

/// From /proc; blocks for a moment (tens of microseconds). Thread safe. errc::io when /proc is not there.
result<process_usage> read_process_usage();
result<machine_usage> read_machine_usage();

/// Whether the machine has a graphics card that may be able to encode: whether it can, an executor finds out.
bool has_graphics_card();

} // namespace troupe::host

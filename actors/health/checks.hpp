#pragma once

// The checks of a node. Each is made from injected functions; those that block run on a thread of check_thread.

#include "actors/health/health_supervisor.hpp"
#include "protocol/ports/files.hpp"
#include "protocol/ports/key_value.hpp"

namespace troupe::health {

/// Runs blocking functions away from the scheduler: one thread a running check (they are few, and one that hangs must
/// not hold up the others). A check whose last run still hangs is not started again: it answers unhealthy at once.
class check_thread {
public:
  /// @param body blocks; exceptions become an unhealthy answer.
  static check_function wrap(std::string name, std::function<health_check()> body);
};

/// A blocking round trip to the database; its error makes it unhealthy.
check_function check_database(std::function<result<void>()> ping);

/// Writes, reads and removes a small file in the data folder. Without it nothing works, but old answers still do.
check_function check_filesystem(std::shared_ptr<ports::files> files, std::string data_folder);

struct disk_thresholds {
  uint64_t degraded_below = 5ull << 30;
  uint64_t unhealthy_below = 512ull << 20;
};
check_function check_disk(std::shared_ptr<ports::files> files, std::string data_folder, disk_thresholds limits);

/// nullptr: disabled. The port is asynchronous: no thread.
check_function check_redis(std::shared_ptr<ports::key_value> redis);

/// Asks the program for its version, asynchronously; empty function: disabled. errc::not_found from it: disabled, too.
using version_function = std::function<void(std::function<void(result<std::string>)>)>;
check_function check_youtube_dl(version_function ask);

struct resource_limits {
  /// 0: no limit.
  uint64_t rss_bytes = 0;
  /// Share of the limit of open descriptors.
  double descriptors = 0.9;
  /// Load average of a minute a processor.
  double load = 8.0;
};
/// Memory, descriptors and load of this process and machine, from /proc.
check_function check_resources(resource_limits limits);

/// How many are connected, and how many of these get new work now: others are drained, in quarantine or out of hours.
struct worker_count {
  size_t connected = 0;
  size_t open = 0;
};
/// Asks for the number of workers, asynchronously. Without one that gets work, jobs only queue: degraded, once there
/// was `time_to_join` since this call (workers come, or come back, after their coordinator). `time` outlives the check.
using worker_count_function = std::function<void(std::function<void(result<worker_count>)>)>;
check_function check_cluster(worker_count_function ask, const clock& time, milliseconds time_to_join);

/// `due` says what is to be done about the certificate of this node, if anything: degraded, then.
check_function check_certificate(std::function<std::string()> due);

} // namespace troupe::health

#pragma once

#include "protocol/mesh/registry.hpp"

#include <functional>
#include <memory>
#include <mutex>

namespace troupe::health {

/// One check: starts it and returns at once, never blocks; the completion may be called on any thread. name and
/// response_time are filled in by the supervisor. Calls after the first, or after the time limit, change nothing.
using check_function = std::function<void(std::function<void(health_check)>)>;

struct named_check {
  /// "database", "redis", "filesystem", "disk", "youtube-dl", "resources", "cluster".
  std::string name;
  check_function run;
};

/// The last finished round, for any thread and without a message. Copies share one report.
class health_board {
public:
  /// Never nullptr: before the first round ends, a report that says so (unhealthy; no check, or none that was run).
  std::shared_ptr<const health_report> last() const {
    std::lock_guard guard{shared_->mutex};
    return shared_->report;
  }
  void set(std::shared_ptr<const health_report> report) const {
    std::lock_guard guard{shared_->mutex};
    shared_->report.swap(report);
  }

  static std::shared_ptr<const health_report> starting();

private:
  struct shared {
    std::mutex mutex;
    std::shared_ptr<const health_report> report = starting();
  };

  std::shared_ptr<shared> shared_ = std::make_shared<shared>();
};

struct health_config {
  milliseconds interval{30'000};
  /// A check that takes longer is unhealthy, with this as its response time.
  milliseconds check_limit{5'000};
  std::vector<named_check> checks;
  /// Outlives the actor. Required.
  const clock* time = nullptr;
  health_board board;
  /// Told of each change of the whole status or of one check's: event "status_update" on topic "status". May be empty.
  mesh::notifier notifier;
};

/// unhealthy: the database or Redis (when it is not disabled) is unhealthy; degraded: any other check is not healthy;
/// disabled checks count for nothing.
health_status judge(const std::vector<health_check>& checks) noexcept;

/// Data of a status_update: {"status","previous","checks":{name: status}}.
std::string status_update(const health_report& now, health_status previous);

/// Role: periodic checks of this node (mesh::health); answers from the last round, never by running one.
/// Thread: the scheduler's; it never blocks, the checks run wherever their functions run them, all at the same time.
/// Supervisor: permanent; after a restart the board still shows the last round until the next one ends. A round ends
/// when each check has answered or reached its limit; the next begins an interval after the last began.
mesh::health spawn_health_supervisor(caf::actor_system& sys, health_config config);

} // namespace troupe::health

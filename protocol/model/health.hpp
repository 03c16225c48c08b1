#pragma once

#include "protocol/model/time.hpp"

#include <map>
#include <string>
#include <vector>

namespace troupe {

enum class health_status : uint8_t { healthy, degraded, unhealthy, disabled };

std::string_view to_string(health_status s) noexcept;

struct health_check {
  /// "database", "redis", "filesystem", "youtube-dl", "resources", "cluster".
  std::string name;
  health_status status = health_status::healthy;
  milliseconds response_time{0};
  std::string version;
  std::string problem;
  /// Figures of the check: "freeBytes", "rssBytes" …
  std::map<std::string, int64_t> facts;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, health_check& x) {
  return f(x.name, x.status, x.response_time, x.version, x.problem, x.facts);
}

/// The last finished round of checks.
struct health_report {
  /// unhealthy: the database, or a configured Redis, is down; degraded: any other check is not healthy.
  health_status status = health_status::healthy;
  timestamp at;
  std::vector<health_check> checks;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, health_report& x) {
  return f(x.status, x.at, x.checks);
}

struct cache_layer_stats {
  /// "l1", "l2".
  std::string layer;
  bool enabled = true;
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t size = 0;
  uint64_t evictions = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, cache_layer_stats& x) {
  return f(x.layer, x.enabled, x.hits, x.misses, x.size, x.evictions);
}

/// One line of `troupe tree`.
struct tree_node {
  std::string name;
  /// "running", "restarting", "stopped", "failed".
  std::string state;
  /// Strategy and restart kind, for people.
  std::string policy;
  uint32_t restarts = 0;
  milliseconds uptime{0};
  std::string last_error;
  /// Depth below the root: 0 for the root. The tree is listed in pre-order.
  uint32_t depth = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, tree_node& x) {
  return f(x.name, x.state, x.policy, x.restarts, x.uptime, x.last_error, x.depth);
}

} // namespace troupe

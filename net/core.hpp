#pragma once

#include "net/exchange.hpp"
#include "net/file_cache.hpp"
#include "net/live_hub.hpp"
#include "net/metrics.hpp"
#include "net/rate_limit.hpp"
#include "net/route.hpp"
#include "net/worker_pool.hpp"
#include "net/write_turns.hpp"

#include <atomic>
#include <condition_variable>
#include <exception>

namespace troupe::net {

/// What every connection of a server shares. Connections keep it alive.
struct core {
  core(server_config c, ports::backend& backend);

  const server_config config;
  const route_table routes;
  metrics stats;
  rate_limit limiter;
  file_cache files;
  worker_pool pool;
  live_hub live;
  services app;

  std::atomic<bool> draining{false};

  /// Passes a fault of ours on to who keeps the log.
  void fault(std::string_view where, std::string_view request_id, const std::exception& what) const noexcept;

  void connection_opened();
  void connection_closed();
  int64_t open_connections() const noexcept {
    return stats.connections.load();
  }
  /// False when there are still some at `until`.
  bool wait_for_none(std::chrono::steady_clock::time_point until);

private:
  std::mutex mutex_;
  std::condition_variable none_left_;
};

} // namespace troupe::net

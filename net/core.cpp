#include "net/core.hpp"

namespace troupe::net {

core::core(server_config c, ports::backend& backend) :
  config(std::move(c)), routes(all_routes()), stats(routes.all()), limiter(config.requests_per_minute),
  pool(config.file_threads),
  live(backend, stats), app{backend,
                            config,
                            stats,
                            files,
                            live,
                            std::make_shared<write_turns>(),
                            [this] { return draining.load(); },
                            [this](std::function<void()> task) { pool.run(std::move(task)); }} {
}

void core::fault(std::string_view where, std::string_view request_id, const std::exception& what) const noexcept {
  if (!config.fault)
    return;
  try {
    auto line = std::string{where} + ": " + what.what();
    if (!request_id.empty())
      line.append(" [request=").append(request_id).append("]");
    config.fault(line);
  } catch (const std::exception&) {
    // There is not even memory for the line.
  }
}

void core::connection_opened() {
  stats.connections.fetch_add(1);
}

void core::connection_closed() {
  std::lock_guard guard{mutex_};
  if (stats.connections.fetch_sub(1) == 1)
    none_left_.notify_all();
}

bool core::wait_for_none(std::chrono::steady_clock::time_point until) {
  std::unique_lock guard{mutex_};
  return none_left_.wait_until(guard, until, [this] { return stats.connections.load() == 0; });
}

} // namespace troupe::net

#pragma once

#include "net/active_users.hpp"
#include "net/message.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <span>

namespace troupe::net {

struct route;

/// The gateway's own figures (contract.md, "Metrics"), in a prometheus registry. Any thread.
class metrics {
public:
  explicit metrics(std::span<const route> routes);
  ~metrics();

  /// `matched` nullptr: an unknown path.
  void count(const request& req, const route* matched, int status, std::chrono::steady_clock::duration took);
  void add_bytes_in(uint64_t n) noexcept {
    bytes_in_.fetch_add(n, std::memory_order_relaxed);
  }
  void add_bytes_out(uint64_t n) noexcept {
    bytes_out_.fetch_add(n, std::memory_order_relaxed);
  }

  active_users users;
  std::atomic<int64_t> connections{0};
  std::atomic<int64_t> live_clients{0};
  std::atomic<uint64_t> events_delivered{0};
  std::atomic<uint64_t> events_coalesced{0};
  std::atomic<uint64_t> slow_clients{0};
  std::atomic<uint64_t> refused_connections{0};

  /// Exposition format 0.0.4, the process's figures with it.
  std::string render();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
  std::atomic<uint64_t> bytes_in_{0};
  std::atomic<uint64_t> bytes_out_{0};
};

} // namespace troupe::net

#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace troupe::net {

/// Counts requests by address in windows of one minute. Any thread.
class rate_limit {
public:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds window{60};
  /// Addresses remembered at most; beyond it, expired ones go, then all (an attacker with that many addresses is not
  /// stopped by counting).
  static constexpr size_t max_addresses = 65'536;

  /// 0: no limit.
  explicit rate_limit(uint32_t per_window) : limit_(per_window) {
  }

  struct verdict {
    bool allowed = true;
    uint32_t limit = 0;
    uint32_t remaining = 0;
    std::chrono::seconds reset{0};
  };
  verdict take(std::string_view address, clock::time_point now);
  bool enabled() const noexcept {
    return limit_ > 0;
  }

private:
  struct entry {
    clock::time_point start;
    uint32_t used = 0;
  };

  uint32_t limit_;
  std::mutex mutex_;
  std::unordered_map<std::string, entry> entries_;
};

} // namespace troupe::net

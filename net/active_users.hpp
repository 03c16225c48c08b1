#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace troupe::net {

/// Who uses the gateway: client addresses that asked for something within the last minutes, or hold a WebSocket or SSE
/// connection. Any thread.
class active_users {
public:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::minutes window{5};
  /// Addresses remembered at most; beyond it the older ones go.
  static constexpr size_t max_addresses = 65'536;

  /// A request of this address was answered.
  void saw(std::string_view address, clock::time_point now);
  /// A live connection of this address begins; `closed` follows.
  void opened(const std::string& address);
  void closed(const std::string& address, clock::time_point now);

  size_t count(clock::time_point now);

private:
  struct entry {
    clock::time_point last{};
    size_t connections = 0;
  };
  void forget_old(clock::time_point now);

  std::mutex mutex_;
  std::unordered_map<std::string, entry> entries_;
};

} // namespace troupe::net

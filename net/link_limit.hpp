#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace troupe::net {

/// Bytes a second for each node, shared by all of its connections: a token bucket that is paid in advance. Any thread.
class link_limit {
public:
  using clock = std::chrono::steady_clock;
  /// What a node that was silent may send at once, in time.
  static constexpr std::chrono::milliseconds burst{250};

  /// 0: no limit. Holds for what is asked from now on.
  explicit link_limit(uint64_t bytes_per_second) : rate_(bytes_per_second) {
  }
  void set(uint64_t bytes_per_second);
  bool enabled() const noexcept {
    return rate_ > 0;
  }

  /// So many bytes at a time, at most, so that the connections of a node take turns.
  uint64_t piece() const noexcept;
  /// When these bytes of this node may move. They count at once, moved or not.
  clock::time_point reserve(const std::string& node, uint64_t bytes, clock::time_point now);

private:
  std::atomic<uint64_t> rate_;
  std::mutex mutex_;
  /// When what was reserved will have moved.
  std::map<std::string, clock::time_point> paid_until_;
};

} // namespace troupe::net

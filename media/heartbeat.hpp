#pragma once

#include "protocol/model/executor.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace troupe::media {

/// Hands an operation's reports on, and says the last one again while files are read and written with nothing to
/// report: libav searches a hole for the next packet, or an index is moved to the front. Whoever watches takes a report
/// for a sign of life. Silent while nothing is read or written.
class heartbeat {
public:
  using sink = std::function<void(const exec::progress&)>;

  /// `send` is called by one thread at a time. `interval` 0: nothing is said again, and no thread is started.
  explicit heartbeat(sink send, std::chrono::milliseconds interval = std::chrono::seconds(1));
  /// Nothing is sent afterwards.
  ~heartbeat();
  heartbeat(const heartbeat&) = delete;
  heartbeat& operator=(const heartbeat&) = delete;

  void report(const exec::progress& p);

private:
  void run();

  const sink send_;
  const std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::condition_variable changed_;
  exec::progress last_;
  bool reported_ = false;
  bool ending_ = false;
  std::thread thread_;
};

} // namespace troupe::media

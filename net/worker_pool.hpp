#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace troupe::net {

/// Threads for calls that block (files), so that no socket waits for a disk. Tasks must not throw.
class worker_pool {
public:
  explicit worker_pool(uint32_t threads);
  /// Runs what is queued, then ends the threads.
  ~worker_pool();
  void run(std::function<void()> task);
  /// As the destructor; run() after it does nothing.
  void stop();

private:
  void loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

} // namespace troupe::net

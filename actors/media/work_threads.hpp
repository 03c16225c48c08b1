#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace troupe::work {

/// Threads for what blocks: files, and attempts that wait for an executor or a transfer. Grows to `most` on demand; a
/// thread with nothing to do for 10 s ends, but for one. What is over `most`, or finds no thread to be had, waits.
/// Thread safe. Destruction waits for what runs and drops what waits: stop the work first. It may be by what runs on
/// one of these threads, which then ends by itself.
class work_threads {
public:
  /// Throws std::system_error when not even one thread can be had.
  explicit work_threads(size_t most);
  ~work_threads();
  work_threads(const work_threads&) = delete;
  work_threads& operator=(const work_threads&) = delete;

  /// An exception from `what` ends the process: catch at the boundary.
  void post(std::function<void()> what);

private:
  /// With the lock. Throws std::system_error.
  void begin_one();

  struct shared;
  std::shared_ptr<shared> shared_;
};

} // namespace troupe::work

#pragma once

// A database that forwards everything and counts what was committed, so that the benchmark knows when a job is durably
// completed without asking the dispatcher, and how many commits it took.

#include "protocol/ports/store.hpp"

#include <condition_variable>
#include <mutex>

namespace troupe::bench {

/// Thread safe.
class commit_counter {
public:
  struct figures {
    uint64_t commits = 0;
    uint64_t rows = 0;
    /// Jobs that have left the hot set as completed: each is counted once.
    uint64_t archived = 0;
  };

  void add(const figures& more);
  figures now() const;
  void wait_for_archived(uint64_t count);

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  figures sum_;
};

std::shared_ptr<ports::database> count_commits(std::shared_ptr<ports::database> db,
                                               std::shared_ptr<commit_counter> counter);

} // namespace troupe::bench

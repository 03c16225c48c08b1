#pragma once

#include "protocol/model/node_figures.hpp"
#include "protocol/ports/root_threads.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace troupe::cluster {

/// The room on a node's disks as it was lately. Each disk is looked at by threads of its own and one look at a time:
/// one that hangs costs its own figure, and keeps nobody. Actor-free, thread safe; no call blocks.
class disk_gauge {
public:
  struct disk {
    /// As in disk_space.
    std::string use;
    /// As its threads know it.
    std::string root;
    /// Total and free; may block for ever, and must not throw. It outlives the gauge, and what it was made by.
    std::function<result<disk_space>()> look;
  };

  /// Begins the first looks. There are none any more when the threads are gone.
  disk_gauge(std::vector<disk> disks, const std::shared_ptr<ports::root_threads>& threads);

  /// What the looks have found that the last call began, and begins the next ones. Of a disk that could not be looked
  /// at, or that has not answered yet, there is no figure: an old one would be taken for a new one.
  std::vector<disk_space> next();

private:
  /// Shared with looks that may never end.
  struct reading {
    explicit reading(disk x) : of(std::move(x)) {
    }

    const disk of;
    std::mutex mutex;
    bool looking = false;
    std::optional<disk_space> found;
  };
  void begin(const std::shared_ptr<reading>& x);

  const std::weak_ptr<ports::root_threads> threads_;
  std::vector<std::shared_ptr<reading>> readings_;
};

} // namespace troupe::cluster

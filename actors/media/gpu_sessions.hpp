#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

namespace troupe::work {

/// How many encodes the graphics cards of a node may have at once. An attempt that would use a card takes a session;
/// where none is free it encodes in software, at once: the card would be no faster for one more. Thread safe.
class gpu_sessions : public std::enable_shared_from_this<gpu_sessions> {
public:
  /// 0: no card is used.
  explicit gpu_sessions(uint32_t all) : free_(all) {
  }

  /// One session, free again when it is let go; nullptr: all are taken.
  std::shared_ptr<void> take() {
    std::lock_guard guard{mutex_};
    if (free_ == 0)
      return nullptr;
    --free_;
    return {this, [self = shared_from_this()](void*) {
              std::lock_guard again{self->mutex_};
              ++self->free_;
            }};
  }

private:
  std::mutex mutex_;
  uint32_t free_;
};

} // namespace troupe::work

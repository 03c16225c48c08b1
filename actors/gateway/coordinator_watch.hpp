#pragma once

#include "protocol/model/result.hpp"
#include "protocol/model/time.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>

namespace troupe::gateway {

/// Whether the coordinator answers, as a gateway on another node sees it: told by its follower, read by every thread
/// without a message. Thread safe.
class coordinator_watch {
public:
  /// It does not answer now: what needs it fails at once. True from the beginning until it was first found.
  bool away() const noexcept {
    return away_.load(std::memory_order_acquire);
  }
  /// It was found at least once.
  bool was_there() const noexcept {
    return was_there_.load(std::memory_order_acquire);
  }
  /// Why it is away, a sentence for people; empty while it is not.
  std::string problem() const;
  /// errc::unavailable for who wants something of it while it is away; for clients, who learn nothing of addresses.
  static error refusal();

  /// It answers. False: it did before.
  bool found();
  /// It does not. False: it did not before.
  bool lost(std::string why);
  /// A look-up has failed. What is not let in will not be let in later, either: that ends `first_look_up` with this.
  void not_found(const error& why);

  /// Blocks until the first look-up has ended, at most so long. errc::forbidden and errc::protocol: not let in. That
  /// nobody answers is no error: somebody may later.
  result<void> first_look_up(milliseconds limit);

private:
  std::atomic<bool> away_{true};
  std::atomic<bool> was_there_{false};
  mutable std::mutex mutex_;
  std::condition_variable looked_;
  bool look_up_ended_ = false;
  std::string problem_ = "the coordinator has not been found yet";
  std::optional<error> first_refusal_;
};

} // namespace troupe::gateway

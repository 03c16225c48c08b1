#pragma once

#include "protocol/model/time.hpp"

#include <atomic>
#include <deque>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace troupe::notify {

/// Whose events are worth making: publishers ask it from any thread, without a message, before they make an event that
/// nobody may want. Kept by the notifier, which counts a topic in while somebody follows it and for `linger` after the
/// last one went, so that a client which reconnects finds what it missed. Thread safe; the only cost of a question is
/// one atomic load while no topic is followed at all.
class topic_interest {
public:
  /// True for every topic: somebody outside gets them all (the mirror in Redis). For the life of the object.
  void want_all() noexcept {
    all_.store(true, std::memory_order_release);
  }
  void want(const std::string& topic);
  void drop(const std::string& topic);
  /// Forgets all topics: a new notifier knows nobody.
  void clear();

  bool wanted(std::string_view topic) const;

private:
  struct text_hash {
    using is_transparent = void;
    size_t operator()(std::string_view x) const noexcept {
      return std::hash<std::string_view>{}(x);
    }
  };

  std::atomic<bool> all_{false};
  std::atomic<size_t> size_{0};
  mutable std::shared_mutex mutex_;
  std::unordered_set<std::string, text_hash, std::equal_to<>> topics_;
};

/// The notifier's side of it: a topic stays wanted for `linger` after its last follower left. Not thread safe.
class interest_keeper {
public:
  interest_keeper(std::shared_ptr<topic_interest> interest, milliseconds linger) :
    interest_(std::move(interest)), linger_(linger) {
    interest_->clear();
  }

  void followed(const std::vector<std::string>& topics);
  /// Nobody follows these any more.
  void abandoned(const std::vector<std::string>& topics, mono_time now);
  /// Topics whose events nobody makes from now on.
  std::vector<std::string> lapsed(mono_time now);
  /// When `lapsed` has something to do next; mono_time::max() if nothing.
  mono_time next_deadline() const;

private:
  std::shared_ptr<topic_interest> interest_;
  milliseconds linger_;
  /// In order of time; entries that `due_` does not confirm are void.
  std::deque<std::pair<mono_time, std::string>> queue_;
  std::unordered_map<std::string, mono_time> due_;
};

} // namespace troupe::notify

#pragma once

// The first level: least recently used entries of this process with a time to live. Header only, for any value.

#include "protocol/model/time.hpp"

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace troupe::cache {

struct lru_stats {
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t evictions = 0;
  size_t size = 0;
};

/// Thread safe: one mutex, held for a hash look-up and a list splice. `Value` is cheap to copy (a shared pointer).
/// An entry is fresh for a while, then stale for a while (usable while somebody refreshes it), then gone.
template <class Value>
class lru_cache {
public:
  struct found {
    Value value;
    bool stale = false;
  };

  /// @param capacity at least 1. The clock outlives the cache.
  lru_cache(size_t capacity, const clock& clk) : capacity_(capacity), clock_(&clk) {
  }

  /// Counts as a hit (a stale one too) or a miss unless told not to. O(1).
  std::optional<found> get(std::string_view key, bool count = true) {
    std::lock_guard guard{mutex_};
    auto now = clock_->mono();
    auto i = index_.find(key);
    if (i != index_.end() && now >= i->second->stale_until) {
      drop(i->second);
      i = index_.end();
    }
    if (count)
      ++(i == index_.end() ? stats_.misses : stats_.hits);
    if (i == index_.end())
      return std::nullopt;
    entries_.splice(entries_.begin(), entries_, i->second);
    return found{i->second->value, now >= i->second->fresh_until};
  }

  /// Replaces the entry of this key. Over the capacity the one used longest ago goes. O(1).
  void put(std::string key, Value value, milliseconds fresh_for, milliseconds stale_for) {
    std::lock_guard guard{mutex_};
    if (auto i = index_.find(std::string_view{key}); i != index_.end())
      drop(i->second);
    auto fresh_until = clock_->mono() + fresh_for;
    entries_.push_front({std::move(key), std::move(value), fresh_until, fresh_until + stale_for});
    index_.emplace(entries_.front().key, entries_.begin());
    while (entries_.size() > capacity_) {
      drop(std::prev(entries_.end()));
      ++stats_.evictions;
    }
  }

  /// All entries whose key starts with it; the empty prefix is all. How many. O(size).
  size_t erase_prefix(std::string_view prefix) {
    std::lock_guard guard{mutex_};
    size_t erased = 0;
    for (auto i = entries_.begin(); i != entries_.end();) {
      auto next = std::next(i);
      if (i->key.starts_with(prefix)) {
        drop(i);
        ++erased;
      }
      i = next;
    }
    return erased;
  }

  /// Keeps the entries of a prefix for the rest of their time, as stale ones.
  void expire_prefix(std::string_view prefix) {
    std::lock_guard guard{mutex_};
    auto now = clock_->mono();
    for (auto& x : entries_)
      if (x.key.starts_with(prefix))
        x.fresh_until = std::min(x.fresh_until, now);
  }

  lru_stats stats() const {
    std::lock_guard guard{mutex_};
    auto result = stats_;
    result.size = entries_.size();
    return result;
  }

private:
  struct entry {
    std::string key;
    Value value;
    mono_time fresh_until;
    mono_time stale_until;
  };
  using iterator = typename std::list<entry>::iterator;

  void drop(iterator i) {
    index_.erase(std::string_view{i->key});
    entries_.erase(i);
  }

  const size_t capacity_;
  const clock* clock_;
  mutable std::mutex mutex_;
  /// Used last first. The index's keys point into it.
  std::list<entry> entries_;
  std::unordered_map<std::string_view, iterator> index_;
  lru_stats stats_;
};

} // namespace troupe::cache

#pragma once

#include "actors/cache/lru_cache.hpp"
#include "protocol/mesh/registry.hpp"
#include "protocol/ports/key_value.hpp"

#include <functional>
#include <memory>

namespace troupe::cache {

/// Of any type; whoever chooses a key's prefix chooses the type behind it (see node_cache::get).
using value_ptr = std::shared_ptr<const void>;

using load_completion = std::function<void(result<value_ptr>)>;

/// How to come by a value.
struct load_spec {
  std::string key;
  milliseconds fresh_for{300'000};
  /// After that, how long an old value may still be given out while a new one is loaded.
  milliseconds stale_for{300'000};
  /// Starts the load and returns at once; it never blocks (it asks an actor). Runs on the cache actor's thread. The
  /// completion may be called on any thread; calls after the first, or after the deadline, change nothing.
  std::function<void(load_completion)> load;
  /// Text for the second level and back; both or none, in which case the value stays within the process. decode
  /// returns nullptr for a text that it does not understand.
  std::function<std::string(const value_ptr&)> encode;
  std::function<value_ptr(std::string_view)> decode;
};

struct answer {
  value_ptr value;
  /// False for the one whose question filled the cache.
  bool cached = true;
};

struct cache_config {
  size_t capacity = 1000;
  /// A load that takes longer fails with errc::timeout.
  milliseconds load_timeout{10'000};
  /// Longer encoded values stay out of the second level; no value lives there longer than this.
  size_t max_l2_bytes = 1024 * 1024;
  milliseconds max_l2_ttl{3'600'000};
  /// Before every key of the second level.
  std::string l2_prefix = "troupe:cache:";
  /// Outlives the cache. Required.
  const clock* time = nullptr;
  /// nullptr: no second level.
  std::shared_ptr<ports::key_value> l2;
};

/// The cache of a node as its threads use it. Thread safe; copies share one cache. What the first level holds is read
/// on the calling thread and never queues behind an actor.
///
/// Role of the actor behind it: loads (one at a time a key), refreshes behind stale values, talks to the second level
/// and tells statistics (mesh::cache). Thread: the scheduler's; it never blocks. Supervisor: permanent; a restart
/// begins empty, and loads under way end with errc::unavailable.
class node_cache {
public:
  using found = lru_cache<value_ptr>::found;

  /// Only the first level, stale values included; never waits and starts nothing.
  std::optional<found> peek(std::string_view key) const;

  template <class T>
  std::shared_ptr<const T> peek_as(std::string_view key) const {
    auto hit = peek(key);
    return hit ? std::static_pointer_cast<const T>(std::move(hit->value)) : nullptr;
  }

  /// From the first level (then `done` runs before this returns), else the second, else loaded. A stale value is given
  /// at once and refreshed behind. `done` runs exactly once, here or on the actor's thread: it may only post. Errors:
  /// the load's own, errc::timeout, errc::unavailable when the actor is gone.
  void get(load_spec spec, std::function<void(result<answer>)> done) const;

  /// Starts a refresh unless one is under way.
  void refresh(load_spec spec) const;

  /// Nothing loaded before this call is given out for these keys after it. One key is a prefix, too.
  void invalidate(std::string prefix) const;

  /// The same, but the old value may be given out until the new one is there: for changes that come by the hundred.
  void expire(std::string prefix) const;

  std::vector<cache_layer_stats> stats() const;

  /// For statistics across nodes, and for the supervisor.
  mesh::cache actor() const;

  struct shared;

private:
  explicit node_cache(std::shared_ptr<shared> state) : shared_(std::move(state)) {
  }
  friend node_cache make_cache(cache_config);
  friend mesh::cache spawn_cache(caf::actor_system&, const node_cache&);

  std::shared_ptr<shared> shared_;
};

/// Without an actor yet: until spawn_cache it reads what it has, and loads fail with errc::unavailable.
node_cache make_cache(cache_config config);

/// Spawns the actor of this cache, again after a restart: the node_cache goes on with the new one, empty.
mesh::cache spawn_cache(caf::actor_system& sys, const node_cache& front);

} // namespace troupe::cache

#pragma once

#include "net/live_hub.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <unordered_map>

namespace troupe::net {

/// One socket that wants events. On its I/O thread only.
class live_client {
public:
  virtual ~live_client() = default;
  /// Queues; nothing is sent before flush.
  virtual void push(const event_ptr& what) = 0;
  virtual void flush() = 0;
  /// Both at once, without the queue where nothing waits in it.
  virtual void push_now(const event_ptr& what) = 0;
  /// A topic was caught up with: what was missed comes before this, live events after.
  virtual void on_subscribed(const event_position& position) = 0;
  virtual void on_subscribe_failed(const std::string& topic, const error& why) = 0;
  /// The topic has ended (its job is finished) and is no longer subscribed.
  virtual void on_topic_end(const std::string& topic) = 0;
  /// Keeps the client alive until a catch-up is answered.
  virtual std::weak_ptr<live_client> weak_client() = 0;
};

/// Topics and their readers on one I/O thread. Only has_topics and post_delivery may be called elsewhere.
class live_shard {
public:
  using poster = std::function<void(std::function<void()>)>;
  /// Has the thread call deliver_gathered after that time; called on the thread only, one at a time.
  using gatherer = std::function<void(std::chrono::microseconds)>;
  live_shard(live_hub& hub, poster post, gatherer gather);
  ~live_shard();

  /// Nothing is told twice and nothing is left out between the catch-up and the live events. Once a topic and client:
  /// again is a no-op that calls on_subscribed.
  void subscribe(live_client& client, event_position since);
  void unsubscribe(live_client& client, const std::string& topic);
  void drop(live_client& client);
  size_t topics_of(const live_client& client) const;

  bool has_topics() const noexcept {
    return topic_count_.load(std::memory_order_acquire) > 0;
  }
  /// A lone event goes out at once. When events come faster than one a millisecond, they are gathered for that long:
  /// waking the thread for each would cost more than sending them.
  void post_delivery(std::shared_ptr<const std::vector<event_ptr>> batch);
  void deliver_gathered();

private:
  struct subscription {
    live_client* client = nullptr;
    /// Told up to here.
    uint64_t epoch = 0;
    uint64_t seq = 0;
    /// Until the catch-up is answered live events wait here.
    bool catching_up = true;
    std::vector<event_ptr> held;
    /// Tells this subscription from a later one of the same client.
    uint64_t serial = 0;
  };
  struct topic {
    std::vector<subscription> readers;
  };

  using event_batch = std::shared_ptr<const std::vector<event_ptr>>;
  using steady = std::chrono::steady_clock;
  void on_woken();
  /// Gives out what waits and returns the number of batches.
  size_t deliver_waiting();
  void deliver_all(const std::vector<event_batch>& batches);
  struct delivery {
    live_client* client;
    const event_ptr* what;
  };
  /// Who gets it now; a topic that ends with it has no readers after that.
  void collect(const event_ptr& what, std::vector<delivery>& out);
  void caught_up(const std::weak_ptr<live_client>& client, const std::string& name, uint64_t serial,
                 result<ports::replay> outcome);
  /// False: already told.
  static bool advance(subscription& s, const rendered_event& what);
  subscription* find(const std::string& name, const live_client& client);
  void remove_reader(const std::string& name, const live_client& client);

  live_hub& hub_;
  std::shared_ptr<poster> post_;
  gatherer gather_;
  steady::time_point delivered_at_{};
  std::unordered_map<std::string, topic> topics_;
  std::unordered_map<const live_client*, std::vector<std::string>> topics_of_;
  std::atomic<size_t> topic_count_{0};
  uint64_t serial_ = 0;
  std::mutex waiting_mutex_;
  std::vector<event_batch> waiting_;
  /// The thread comes by itself: no need to wake it.
  bool gathering_ = false;
};

} // namespace troupe::net

#pragma once

// The notifier's memory as an actor-free class: it numbers events, holds progress back to a rate that people can see,
// and keeps what a client that reconnects may have missed.

#include "protocol/mesh/messages.hpp"

#include <deque>
#include <list>
#include <map>
#include <unordered_map>

namespace troupe::notify {

struct event_log_config {
  /// Coalescing events of one topic and type are told once in this time on average, and never so much more often than
  /// by `early`: who reports at just this rate is not held back by the jitter of its way here.
  milliseconds progress_interval{100};
  /// Kept for catch_up: events of a topic, of all topics, and bytes of all topics.
  size_t max_events_per_topic = 256;
  size_t max_events = 20'000;
  size_t max_bytes = 16 * 1024 * 1024;
  /// Over it the topic that was quiet the longest is forgotten.
  size_t max_topics = 20'000;
  /// A topic that ended (event.last) is forgotten after this time.
  milliseconds keep_ended{300'000};
  /// See progress_interval.
  milliseconds early{25};
};

/// Not thread safe. A sequence number is given when an event is told, so that those of a topic rise by one; within the
/// kept events only the newest coalescing event of a type remains, and its predecessors are not a gap.
class event_log {
public:
  /// @param epoch not 0. The clock outlives the log.
  event_log(event_log_config config, const clock& clk, uint64_t epoch);

  /// Takes an event in; whatever may be told now is appended to `out`, numbered and in order. A coalescing event waits
  /// when those of its topic and type come faster than the interval allows, and is replaced there by a newer one; any
  /// other event of the topic tells what waits first.
  void publish(event what, std::vector<event>& out);

  /// Tells what has waited long enough and forgets topics that ended long ago.
  void tick(std::vector<event>& out);

  /// From now on not every event of this topic is published, because nobody wants them: what is kept of it goes, and no
  /// position that was told so far is good for a catch_up any more.
  void lapse(const std::string& name, std::vector<event>& out);

  /// When tick has something to do next; mono_time::max() if nothing.
  mono_time next_deadline() const;

  /// What was told of a topic after a position. Without an epoch: nothing, and the present position. `gap` is set when
  /// anything but replaced progress is missing from the answer, or that can't be known.
  mesh::caught_up catch_up(const event_position& since) const;

  uint64_t epoch() const noexcept {
    return epoch_;
  }
  /// Figures for tests and metrics.
  size_t topics() const noexcept {
    return by_name_.size();
  }
  size_t kept_events() const noexcept {
    return kept_events_;
  }
  size_t kept_bytes() const noexcept {
    return kept_bytes_;
  }

private:
  /// (when it is due, order of arrival).
  using timer_key = std::pair<mono_time, uint64_t>;

  /// Rate limit of one coalescing type of a topic.
  struct slot {
    std::string type;
    /// When the next one may be told.
    mono_time due;
    bool waiting = false;
    timer_key timer;
    event newest;
  };

  struct topic {
    std::string name;
    /// Of the last event told.
    uint64_t seq = 0;
    /// Events up to this number may be missing from `kept`.
    uint64_t floor = 0;
    std::deque<event> kept;
    std::vector<slot> slots;
    bool ended = false;
    timer_key end_timer;
    /// In empty_ instead of topics_.
    bool is_empty = true;
  };

  using topic_list = std::list<topic>;

  topic& find_or_make(const std::string& name, std::vector<event>& out);
  void hold(topic& t, event what, std::vector<event>& out);
  void tell(topic& t, event what, std::vector<event>& out);
  void tell_waiting(topic& t, std::vector<event>& out);
  void drop_replaced(topic& t, const event& newer);
  void drop_oldest(topic& t);
  void keep_bounds(topic& t);
  void forget(topic_list::iterator t, std::vector<event>& out);
  void start_end_timer(topic& t);
  void stop_end_timer(topic& t);

  event_log_config config_;
  const clock* clock_;
  uint64_t epoch_;
  uint64_t order_ = 0;
  /// The highest number of any forgotten topic. A topic that comes up anew goes on from here, so that no position of
  /// its former life can be mistaken for one of its new life.
  uint64_t forgotten_floor_ = 0;
  /// Those with kept events, quiet the longest first.
  topic_list topics_;
  /// Those whose events all had to go: only their numbers are known.
  topic_list empty_;
  std::unordered_map<std::string, topic_list::iterator> by_name_;
  std::map<timer_key, topic_list::iterator> waiting_;
  std::map<timer_key, topic_list::iterator> ended_;
  size_t kept_events_ = 0;
  size_t kept_bytes_ = 0;
};

} // namespace troupe::notify

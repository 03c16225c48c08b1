#pragma once

// How far each followed topic has been told, so that its clients miss nothing when the notifier starts anew or the way
// to it was cut. Actor-free.

#include "protocol/model/event.hpp"

#include <deque>
#include <optional>
#include <unordered_map>

namespace troupe::gateway {

/// Not thread safe.
class live_positions {
public:
  /// A catch-up of this topic was answered: what follows this position is live.
  void told(const event_position& position);
  /// Nobody follows it any more.
  void forget(const std::string& name);

  /// Live events as they come in; what may be passed on now. Those of a topic that is being caught up with wait.
  std::vector<event> pass(std::vector<event> batch);

  /// The live events of all topics begin anew: each is to be caught up with from where it was. What waits of an earlier
  /// round is dropped, for it is told by the new one.
  void start_over();
  /// The next topic to catch up with; each is given out once a round.
  std::optional<event_position> next();
  /// What was missed, and where the live events go on; returns what to pass on, in order.
  std::vector<event> caught_up(const event_position& position, std::vector<event> missed);

  size_t size() const noexcept {
    return topics_.size();
  }

private:
  struct topic {
    uint64_t epoch = 0;
    uint64_t seq = 0;
    bool catching_up = false;
    std::vector<event> held;

    /// False: told already.
    bool advance(uint64_t to_epoch, uint64_t to_seq);
  };

  std::unordered_map<std::string, topic> topics_;
  std::deque<std::string> due_;
};

} // namespace troupe::gateway

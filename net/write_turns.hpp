#pragma once

#include "net/exchange.hpp"

#include <deque>
#include <mutex>
#include <unordered_map>

namespace troupe::net {

/// One write at a time to the same thing, so that nothing comes between a precondition's check and the change that it
/// allows. Any thread.
class write_turns : public std::enable_shared_from_this<write_turns> {
public:
  /// Held for as long as the write runs; the next one begins when the last holder lets go.
  using turn = std::shared_ptr<void>;
  using task = std::function<void(exchange&, turn)>;

  /// Runs `what` at once, or on the exchange's thread after those that came before; never when the request is over by
  /// then.
  void take(const std::string& thing, exchange& x, task what);

private:
  struct waiter {
    ticket request;
    task what;
  };

  turn make_turn(const std::string& thing);
  void next(const std::string& thing);

  std::mutex mutex_;
  /// Things that are being written, with who waits.
  std::unordered_map<std::string, std::deque<waiter>> busy_;
};

} // namespace troupe::net

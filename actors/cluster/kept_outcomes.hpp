#pragma once

#include "protocol/model/worker.hpp"

#include <map>
#include <vector>

namespace troupe::cluster {

/// Outcomes that the coordinator has not acknowledged, and which of them are under way to it. Actor-free; not thread
/// safe.
class kept_outcomes {
public:
  void add(attempt_outcome x);
  /// It was revoked: nobody wants it any more.
  void forget(const lease_token& token);

  bool has(const lease_token& token) const {
    return all_.contains(token);
  }
  bool empty() const noexcept {
    return all_.empty();
  }
  std::vector<lease_token> tokens() const;

  /// Those that go to the coordinator now, in the order of their ends: under way until one of the next two. Empty:
  /// there are none, or enough are, or one that failed is waited for.
  std::vector<attempt_outcome> next();
  void acknowledged(const std::vector<lease_token>& sent);
  /// They are kept. True: nothing goes before resume(), which is for the caller to time.
  bool failed(const std::vector<lease_token>& sent);
  void resume() noexcept {
    paused_ = false;
  }
  /// What was under way may have been lost with its connection: all go again.
  void start_again();

private:
  std::map<lease_token, attempt_outcome> all_;
  /// Not under way.
  std::vector<lease_token> unsent_;
  size_t under_way_ = 0;
  bool paused_ = false;
};

} // namespace troupe::cluster

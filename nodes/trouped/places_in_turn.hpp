#pragma once

#include "nodes/config/settings.hpp"
#include "protocol/model/result.hpp"

#include <mutex>

namespace troupe::node {

/// The addresses at which a coordinator may be, tried in turn from the one that answered last. Thread safe.
class places_in_turn {
public:
  explicit places_in_turn(std::vector<config::host_port> places) : places_(std::move(places)) {
  }

  /// What `enter(place)` gave at the first address that let us in; else the reasons of all.
  template <class F>
  auto enter_first(F enter) -> decltype(enter(config::host_port{})) {
    size_t first = 0;
    {
      std::lock_guard guard{mutex_};
      first = last_good_;
    }
    error why{errc::none, {}};
    for (size_t i = 0; i < places_.size(); ++i) {
      const auto at = (first + i) % places_.size();
      auto out = enter(places_[at]);
      if (out) {
        std::lock_guard guard{mutex_};
        last_good_ = at;
        return out;
      }
      // Where nobody answers now, somebody may later: that is worth another try, whatever the others say.
      if (why.code != errc::unavailable)
        why.code = out.error().code;
      why.message += (why.message.empty() ? "" : "; ") + out.error().message;
    }
    return error{why.code, "no coordinator (mesh.coordinator): " + why.message};
  }

  /// Where somebody answered last.
  config::host_port last() const {
    std::lock_guard guard{mutex_};
    return places_.at(last_good_);
  }

private:
  const std::vector<config::host_port> places_;
  mutable std::mutex mutex_;
  /// Of places_: where to begin.
  size_t last_good_ = 0;
};

} // namespace troupe::node

#pragma once

#include "protocol/model/time.hpp"

#include <cstdint>
#include <functional>

namespace troupe {

/// Exponential backoff: first, first × factor, first × factor² … up to max, each shortened by up to `jitter` of itself,
/// so that many who lost one peer do not come back at one time. Not thread safe.
class growing_delay {
public:
  struct settings {
    milliseconds first{100};
    milliseconds max{30'000};
    double factor = 2;
    /// 0 to 1: a delay d is drawn from [d × (1 - jitter), d].
    double jitter = 0.25;
  };

  /// `random` yields 64 random bits a call.
  growing_delay(settings how, std::function<uint64_t()> random);

  milliseconds next();
  /// The next one is the first again.
  void reset() noexcept {
    steps_ = 0;
  }

private:
  settings how_;
  std::function<uint64_t()> random_;
  uint32_t steps_ = 0;
};

/// Seeded by the machine.
std::function<uint64_t()> machine_random();

} // namespace troupe

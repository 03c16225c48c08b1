#pragma once

#include "protocol/model/time.hpp"

namespace troupe::test {

/// Time that moves only when the test says so. One thread.
class manual_clock final : public clock {
public:
  timestamp wall() const override {
    return wall_;
  }
  mono_time mono() const override {
    return mono_;
  }
  /// Both clocks.
  void advance(milliseconds by) {
    wall_ += by;
    mono_ += by;
  }
  /// The wall clock alone, either way.
  void step_wall(milliseconds by) {
    wall_ += by;
  }

private:
  timestamp wall_ = from_ms(1'700'000'000'000);
  mono_time mono_{milliseconds{1'000'000}};
};

} // namespace troupe::test

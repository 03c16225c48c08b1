#pragma once

// Actors on CAF's deterministic scheduler, with our messages registered.

#include <caf/make_message.hpp>

#include <caf/all.hpp>
#ifndef FAIL
#define FAIL CAF_FAIL
#endif
#include <caf/test/dsl.hpp>

#include "protocol/mesh/registry.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/unit_test.hpp"

namespace troupe::test {

struct actor_config : caf::actor_system_config {
  actor_config() {
    mesh::register_messages(*this);
  }
};

class actor_fixture : public test_coordinator_fixture<actor_config> {
public:
  manual_clock clk;

  /// All messages but no timers (the base's run() fires those whatever the time is).
  void run() {
    consume_messages();
  }

  /// Both the actors' timers and the injected clock, in steps, so that timers which start timers fire in time.
  void pass(milliseconds by) {
    while (by > milliseconds{0}) {
      auto step = std::min(by, milliseconds{10});
      by -= step;
      clk.advance(step);
      sched.clock().advance_time(step);
      run();
    }
  }
};

} // namespace troupe::test

#define CAF_SUITE schedule.ticks

#include "actors/schedule/scheduler.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

using namespace troupe;
using namespace troupe::schedule;

CAF_TEST(ticks are counted from 1970 and meet without gaps) {
  tick_rule rule{milliseconds{300'000}};
  CAF_CHECK_EQUAL(rule.tick_at(from_ms(0)), 0);
  CAF_CHECK_EQUAL(rule.tick_at(from_ms(299'999)), 0);
  CAF_CHECK_EQUAL(rule.tick_at(from_ms(300'000)), 1);
  for (int64_t tick : {1, 2, 5'600'000})
    CAF_CHECK_EQUAL(rule.tick_at(rule.begin_of(tick)), tick);
}

CAF_TEST(one tick has one submission id) {
  troupe::schedule::schedule s;
  s.name = "cleanup";
  s.spec.kind = "scheduled_cleanup";
  CAF_CHECK_EQUAL(spec_of_tick(s, 7).submission_id, "schedule/cleanup/7");
  CAF_CHECK_EQUAL(spec_of_tick(s, 7).submission_id, spec_of_tick(s, 7).submission_id);
  CAF_CHECK_NOT_EQUAL(spec_of_tick(s, 7).submission_id, spec_of_tick(s, 8).submission_id);
  CAF_CHECK_EQUAL(spec_of_tick(s, 7).kind, "scheduled_cleanup");
}

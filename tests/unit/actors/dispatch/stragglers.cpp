#define CAF_SUITE dispatch.stragglers

#include "actors/dispatch/stragglers.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

using namespace troupe;
using namespace troupe::dispatch;
using namespace std::chrono_literals;

CAF_TEST(a copy pays where it is done in half of the time that is left) {
  straggler_rules rules;
  // A tenth in 10 s: 90 s are left.
  CAF_CHECK(*time_left({10s, 0.1, 0ms}) == 90s);
  CAF_CHECK(worth_a_copy({10s, 0.1, 45s}, rules));
  CAF_CHECK(!worth_a_copy({10s, 0.1, 46s}, rules));
  // Nearly done.
  CAF_CHECK(!worth_a_copy({90s, 0.9, 1s}, {0.5, 10s}));
  CAF_CHECK(!worth_a_copy({10s, 1.0, 1s}, rules));
  CAF_CHECK(!worth_a_copy({10s, 7.0, 1s}, rules));
}

CAF_TEST(one that shows nothing is waited for twice as long as another would take) {
  straggler_rules rules;
  CAF_CHECK(!time_left({60s, 0, 0ms}));
  CAF_CHECK(!worth_a_copy({22s, 0, 10s}, rules));
  CAF_CHECK(worth_a_copy({24s, 0, 10s}, rules));
  CAF_CHECK(worth_a_copy({24s, -1, 10s}, rules));
}

CAF_TEST(one that has stopped is waited for as long as another would take and what has just begun says nothing) {
  straggler_rules rules;
  // Nine tenths in 20 s: 2 s are left, were it not for this.
  CAF_CHECK(!worth_a_copy({20s, 0.9, 10s, 0s}, rules));
  CAF_CHECK(!worth_a_copy({33s, 0.9, 10s, 13s}, rules));
  CAF_CHECK(worth_a_copy({34s, 0.9, 10s, 14s}, rules));
  CAF_CHECK(!worth_a_copy({2900ms, 0.02, 1s}, rules));
  CAF_CHECK(worth_a_copy({3000ms, 0.02, 1s}, rules));
}

CAF_TEST(on a guess only what has stopped is begun again) {
  straggler_rules rules;
  // 90 s are left, and 1 s elsewhere: if it were so.
  CAF_CHECK(worth_a_copy({10s, 0.1, 1s, 0s}, rules));
  CAF_CHECK(!worth_a_copy({10s, 0.1, 1s, 0s, true}, rules));
  CAF_CHECK(!worth_a_copy({30s, 0.1, 10s, 13s, true}, rules));
  CAF_CHECK(worth_a_copy({30s, 0.1, 10s, 14s, true}, rules));
  CAF_CHECK(!worth_a_copy({23s, 0, 10s, 23s, true}, rules));
  CAF_CHECK(worth_a_copy({24s, 0, 10s, 24s, true}, rules));
}

CAF_TEST(nothing is known of the other node) {
  CAF_CHECK(!worth_a_copy({3600s, 0.01, 0ms}, {}));
  CAF_CHECK(!worth_a_copy({3600s, 0.5, -1s}, {}));
}

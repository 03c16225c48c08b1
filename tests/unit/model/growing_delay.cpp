#define CAF_SUITE model.growing_delay

#include "protocol/model/growing_delay.hpp"
#include "tests/support/unit_test.hpp"

using namespace troupe;

namespace {

growing_delay make(double jitter, uint64_t bits) {
  return {{milliseconds{100}, milliseconds{5'000}, 2, jitter}, [bits] { return bits; }};
}

} // namespace

CAF_TEST(delays double up to the most and begin anew) {
  auto d = make(0.25, 0);
  for (int64_t expected : {100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000})
    CAF_CHECK_EQUAL(d.next().count(), expected);
  d.reset();
  CAF_CHECK_EQUAL(d.next().count(), 100);
}

CAF_TEST(they are shortened by the jitter at most) {
  auto d = make(0.25, ~uint64_t{0});
  for (int64_t longest : {100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
    const auto x = d.next().count();
    CAF_CHECK(x >= longest * 3 / 4 && x <= longest * 3 / 4 + 1);
  }
}

CAF_TEST(many waits do not overflow) {
  growing_delay d{{milliseconds{1}, milliseconds{int64_t{1} << 40}, 10, 0}, [] { return uint64_t{0}; }};
  milliseconds last{0};
  for (int i = 0; i < 10'000; ++i) {
    const auto x = d.next();
    CAF_REQUIRE(x >= last && x <= milliseconds{int64_t{1} << 40});
    last = x;
  }
}

CAF_TEST(two of them come back at different times) {
  growing_delay a{{}, machine_random()};
  growing_delay b{{}, machine_random()};
  int same = 0;
  for (int i = 0; i < 20; ++i)
    same += a.next() == b.next();
  CAF_CHECK(same < 10);
}

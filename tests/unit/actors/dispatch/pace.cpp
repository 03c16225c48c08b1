#define CAF_SUITE dispatch.pace

#include "actors/dispatch/pace.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <cmath>
#include <limits>

using namespace troupe;
using namespace troupe::dispatch;
using namespace std::chrono_literals;

CAF_TEST(it is told when there is something to tell and never what is absurd) {
  const mono_time start{1'000s};
  pace x;
  x.add(5, start);
  CAF_CHECK(!x.time_for(1));
  x.begin(start);
  CAF_CHECK(!x.time_for(1));
  x.add(1, start + 1s);
  CAF_CHECK(!x.time_for(1));
  x.add(2, start + 3s);
  CAF_REQUIRE(x.time_for(1).has_value());
  CAF_CHECK(*x.time_for(1) > 990ms && *x.time_for(1) < 1'010ms);
  CAF_CHECK_EQUAL(x.time_for(0)->count(), 0);
  CAF_CHECK_EQUAL(x.time_for(-3)->count(), 0);
  CAF_CHECK(!x.time_for(1e12));
  CAF_CHECK(!x.time_for(std::numeric_limits<double>::infinity()));
  CAF_CHECK(!x.time_for(std::nan("")));
  // What goes back, or comes from before, makes nothing of it.
  auto before = *x.time_for(1);
  x.add(-7, start + 3s);
  x.add(0, start);
  CAF_CHECK(*x.time_for(1) == before);
  // Again: nothing happens.
  x.begin(start + 5s);
  CAF_CHECK(*x.time_for(1) == before);
}

CAF_TEST(what was long ago is forgotten and what is short hardly counts) {
  mono_time now{1'000s};
  pace x;
  x.begin(now);
  auto go_on = [&](std::chrono::seconds how_long, double each) {
    for (auto end = now + how_long; now < end;) {
      now += 1s;
      x.add(each, now);
    }
  };
  go_on(600s, 1);
  auto usual = x.time_for(100)->count();
  CAF_CHECK(std::abs(static_cast<double>(usual) - 100'000) < 2'000);
  go_on(3s, 0);
  CAF_CHECK(x.time_for(100)->count() < usual * 11 / 10);
  // Half as fast, for good.
  go_on(600s, 0.5);
  CAF_CHECK(std::abs(static_cast<double>(x.time_for(100)->count()) - 200'000) < 4'000);
}

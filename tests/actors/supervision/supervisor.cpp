#define CAF_SUITE actors.supervision.supervisor

#include "actors/supervision/supervisor.hpp"

#include <caf/make_message.hpp>

#include "tests/actors/supervision/fixture.hpp"

using namespace troupe;
using namespace troupe::supervision;
using supervision_test::names;

CAF_TEST_FIXTURE_SCOPE(supervisor_tests, supervision_test::fixture)

CAF_TEST(children start in order and stop in reverse) {
  auto top = start({.name = "top", .children = {child("a"), child("b"), child("c")}});
  CAF_CHECK_EQUAL(started, (names{"a", "b", "c"}));
  stop(top);
  CAF_CHECK_EQUAL(ended, (names{"c", "b", "a"}));
  CAF_CHECK(is_down(top));
}

CAF_TEST_FIXTURE_SCOPE_END()

#define CAF_SUITE dispatch.worker_names

#include "actors/dispatch/worker_names.hpp"
#include "tests/support/unit_test.hpp"

using namespace troupe;

namespace {

worker_id numbered(uint64_t n) {
  return worker_id{{1, n}};
}

} // namespace

CAF_TEST(the first name stays) {
  dispatch::worker_names names;
  CAF_CHECK_EQUAL(names.of(numbered(1)), "");
  names.note(numbered(1), "anna");
  names.note(numbered(1), "eve");
  names.note(numbered(2), "ben");
  CAF_CHECK_EQUAL(names.of(numbered(1)), "anna");
  CAF_CHECK_EQUAL(names.of(numbered(2)), "ben");
}

CAF_TEST(of too many the oldest are forgotten) {
  dispatch::worker_names names;
  const auto most = dispatch::worker_names::most;
  for (uint64_t n = 0; n < most + 3; ++n) {
    names.note(numbered(n), "node-" + std::to_string(n));
    names.note(numbered(n), "again");
  }
  CAF_CHECK_EQUAL(names.of(numbered(2)), "");
  CAF_CHECK_EQUAL(names.of(numbered(3)), "node-3");
  CAF_CHECK_EQUAL(names.of(numbered(most + 2)), "node-" + std::to_string(most + 2));
  names.note(numbered(2), "anna");
  CAF_CHECK_EQUAL(names.of(numbered(2)), "anna");
}

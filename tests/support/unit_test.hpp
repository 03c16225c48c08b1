#pragma once

// CAF's unit tests, with checks that keep what they compare. CAF's own bind references, and in
// CAF_CHECK_EQUAL(load().name, "x") what `name` belongs to is gone before the comparison. Include this instead of
// <caf/test/unit_test.hpp>.

// First, for the other one misses it.
#include <caf/make_message.hpp>
#include <caf/test/unit_test.hpp>

#include <type_traits>
#include <utility>

namespace troupe::test {

template <class T>
std::decay_t<T> kept(T&& x) {
  return std::forward<T>(x);
}

} // namespace troupe::test

#undef CAF_CHECK_EQUAL
#define CAF_CHECK_EQUAL(x, y) CAF_CHECK_FUNC(::caf::test::equal_to, ::troupe::test::kept(x), ::troupe::test::kept(y))
#undef CAF_CHECK_NOT_EQUAL
#define CAF_CHECK_NOT_EQUAL(x, y)                                                                                      \
  CAF_CHECK_FUNC(::caf::test::not_equal_to, ::troupe::test::kept(x), ::troupe::test::kept(y))
#undef CAF_REQUIRE_EQUAL
#define CAF_REQUIRE_EQUAL(x, y)                                                                                        \
  CAF_REQUIRE_FUNC(::caf::test::equal_to, ::troupe::test::kept(x), ::troupe::test::kept(y))

#pragma once

// CAF's unit tests, with checks that keep what they compare and say what failed. CAF's own bind references, and in
// CAF_CHECK_EQUAL(load().name, "x") what `name` belongs to is gone before the comparison; and they tell of a failure at
// the loudest level only. Include this instead of <caf/test/unit_test.hpp>.

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

inline void tell_failure(const char* file, int line, const char* expression, const std::string& values = {}) {
  caf::test::logger::instance().info() << "  !! " << file << ":" << line << ": " << expression << values << '\n';
}

} // namespace troupe::test

#undef CAF_CHECK
#define CAF_CHECK(...)                                                                                                 \
  do {                                                                                                                 \
    auto ok___ = static_cast<bool>(__VA_ARGS__);                                                                       \
    ::caf::test::detail::check(::caf::test::engine::current_test(), __FILE__, __LINE__, #__VA_ARGS__, false, ok___);   \
    if (!ok___)                                                                                                        \
      ::troupe::test::tell_failure(__FILE__, __LINE__, #__VA_ARGS__);                                                  \
    ::caf::test::engine::last_check_file(__FILE__);                                                                    \
    ::caf::test::engine::last_check_line(__LINE__);                                                                    \
  } while (false)
#undef CAF_CHECK_FUNC
#define CAF_CHECK_FUNC(func, x_expr, y_expr)                                                                           \
  do {                                                                                                                 \
    auto&& x_val___ = x_expr;                                                                                          \
    auto&& y_val___ = y_expr;                                                                                          \
    auto ok___ = ::caf::test::detail::check(::caf::test::engine::current_test(), __FILE__, __LINE__,                   \
                                            CAF_FUNC_EXPR(func, x_expr, y_expr), false, func{}(x_val___, y_val___),    \
                                            x_val___, y_val___);                                                       \
    if (!ok___)                                                                                                        \
      ::troupe::test::tell_failure(__FILE__, __LINE__, CAF_FUNC_EXPR(func, x_expr, y_expr),                            \
                                   ": " + ::caf::deep_to_string(x_val___) + ", " + ::caf::deep_to_string(y_val___));   \
    ::caf::test::engine::last_check_file(__FILE__);                                                                    \
    ::caf::test::engine::last_check_line(__LINE__);                                                                    \
  } while (false)

#undef CAF_CHECK_EQUAL
#define CAF_CHECK_EQUAL(x, y) CAF_CHECK_FUNC(::caf::test::equal_to, ::troupe::test::kept(x), ::troupe::test::kept(y))
#undef CAF_CHECK_NOT_EQUAL
#define CAF_CHECK_NOT_EQUAL(x, y)                                                                                      \
  CAF_CHECK_FUNC(::caf::test::not_equal_to, ::troupe::test::kept(x), ::troupe::test::kept(y))
#undef CAF_REQUIRE_EQUAL
#define CAF_REQUIRE_EQUAL(x, y)                                                                                        \
  CAF_REQUIRE_FUNC(::caf::test::equal_to, ::troupe::test::kept(x), ::troupe::test::kept(y))

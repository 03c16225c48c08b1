#pragma once

#include "protocol/model/error.hpp"

#include <cassert>
#include <variant>

namespace troupe {

/// A value or an error. Never holds an error with errc::none.
template <class T>
class [[nodiscard]] result {
public:
  using value_type = T;

  result(T value) : data_(std::in_place_index<0>, std::move(value)) {
  }
  result(troupe::error err) : data_(std::in_place_index<1>, std::move(err)) {
  }
  result(errc code, std::string message) : data_(std::in_place_index<1>, code, std::move(message)) {
  }

  explicit operator bool() const noexcept {
    return data_.index() == 0;
  }
  bool has_value() const noexcept {
    return data_.index() == 0;
  }
  T& operator*() & noexcept {
    assert(has_value());
    return *std::get_if<0>(&data_);
  }
  const T& operator*() const& noexcept {
    assert(has_value());
    return *std::get_if<0>(&data_);
  }
  T&& operator*() && noexcept {
    assert(has_value());
    return std::move(*std::get_if<0>(&data_));
  }
  T* operator->() noexcept {
    assert(has_value());
    return std::get_if<0>(&data_);
  }
  const T* operator->() const noexcept {
    assert(has_value());
    return std::get_if<0>(&data_);
  }
  const troupe::error& error() const& noexcept {
    assert(!has_value());
    return *std::get_if<1>(&data_);
  }
  troupe::error&& error() && noexcept {
    assert(!has_value());
    return std::move(*std::get_if<1>(&data_));
  }

private:
  std::variant<T, troupe::error> data_;
};

template <>
class [[nodiscard]] result<void> {
public:
  using value_type = void;

  result() = default;
  result(troupe::error err) : err_(std::move(err)), ok_(false) {
  }
  result(errc code, std::string message) : err_(code, std::move(message)), ok_(false) {
  }

  explicit operator bool() const noexcept {
    return ok_;
  }
  bool has_value() const noexcept {
    return ok_;
  }
  const troupe::error& error() const& noexcept {
    assert(!ok_);
    return err_;
  }
  troupe::error&& error() && noexcept {
    assert(!ok_);
    return std::move(err_);
  }

private:
  troupe::error err_{errc::none, {}};
  bool ok_ = true;
};

} // namespace troupe

/// Returns the error of a result<…> expression from the enclosing function.
#define TROUPE_TRY(expr)                                                                                               \
  do {                                                                                                                 \
    if (auto troupe_try_result_ = (expr); !troupe_try_result_)                                                         \
      return std::move(troupe_try_result_).error();                                                                    \
  } while (false)

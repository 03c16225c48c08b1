#pragma once

// Helpers of the row conversions: what a column holds, and what to say when it does not.

#include "protocol/model/json.hpp"
#include "protocol/model/node.hpp"
#include "store/engine.hpp"
#include "store/rows.hpp"

namespace troupe::store {

[[noreturn]] inline void damaged(std::string_view column, std::string_view value) {
  throw failure{{errc::io, "the database's column " + std::string{column} + " holds \""
                             + std::string{value.substr(0, 80)}
                             + "\", which is not what was written: restore a backup"}};
}

template <class Id>
Id id_from(const std::string& text) {
  if (text.empty())
    return {};
  if (auto id = Id::parse(text))
    return *id;
  damaged("id", text);
}

/// A JSON column whose empty list is ''.
template <class T>
T json_from(const std::string& text, result<T> (*decode)(std::string_view), std::string_view column) {
  if (text.empty())
    return T{};
  auto value = decode(text);
  if (!value)
    damaged(column, text);
  return std::move(*value);
}

inline error error_from(const std::string& text, std::string_view column) {
  error out;
  if (auto read = decode_error(text, out); !read)
    damaged(column, text);
  return out;
}

template <class T>
void json_into(std::string& column, const T& xs) {
  if (xs.empty())
    column.clear();
  else
    column = encode(xs);
}

template <class T>
T named(std::optional<T> value, std::string_view column, const std::string& text) {
  if (!value)
    damaged(column, text);
  return *value;
}

} // namespace troupe::store

#pragma once

// How the frames' bodies are written and read. For the executor_*.cpp files of this room.

#include "protocol/model/executor.hpp"

#include <nlohmann/json.hpp>

#include <cmath>

namespace troupe::exec {

using nlohmann::json;

inline std::string text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

inline double finite(double x) noexcept {
  return std::isfinite(x) ? x : 0;
}

template <class T>
void read(const json& value, const char* name, T& out) {
  if (auto it = value.find(name); it != value.end() && !it->is_null())
    it->get_to(out);
}

inline json to_value(const std::vector<span>& spans) {
  json out = json::array();
  for (auto& s : spans)
    out.push_back(json::array({finite(s.begin), finite(s.end)}));
  return out;
}

inline std::vector<span> spans_from(const json& value) {
  std::vector<span> out;
  for (auto& s : value)
    out.push_back({s.at(0).get<double>(), s.at(1).get<double>()});
  return out;
}

/// Parses, demands an object, and turns what nlohmann throws into an error.
template <class T, class F>
result<T> decode(std::string_view what, std::string_view body, F&& fill) {
  try {
    auto value = json::parse(body);
    if (!value.is_object())
      return {errc::protocol, std::string(what) + " is not a JSON object"};
    T x;
    fill(value, x);
    return x;
  } catch (const json::exception& e) {
    return {errc::protocol, std::string(what) + " can't be read: " + e.what()};
  }
}

} // namespace troupe::exec

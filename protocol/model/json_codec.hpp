#pragma once

// Reading JSON without exceptions. For the .cpp files that decode; the only header that includes nlohmann's.

#include "protocol/model/json_writer.hpp"
#include "protocol/model/result.hpp"

#include <nlohmann/json.hpp>

#include <limits>
#include <map>
#include <vector>

namespace troupe {

/// One value of valid UTF-8, or errc::validation naming `what`.
inline result<nlohmann::json> parse_json(std::string_view text, std::string_view what) {
  auto doc = nlohmann::json::parse(text, nullptr, false);
  if (doc.is_discarded())
    return {errc::validation, std::string{what} + ": not valid JSON (broken off, or not UTF-8)"};
  return doc;
}

/// An array of T, each read by `f(const nlohmann::json&) -> result<T>`; empty text is an empty list (a column's
/// default).
template <class T, class F>
result<std::vector<T>> decode_list(std::string_view text, std::string_view what, F f) {
  std::vector<T> out;
  if (text.empty())
    return out;
  auto doc = parse_json(text, what);
  if (!doc)
    return std::move(doc).error();
  if (!doc->is_array())
    return {errc::validation, std::string{what} + ": must be a JSON array"};
  out.reserve(doc->size());
  for (auto& x : *doc) {
    result<T> element = f(x);
    if (!element)
      return std::move(element).error();
    out.push_back(*std::move(element));
  }
  return out;
}

/// Reads the fields of one object. A field that is absent or null leaves its target as it was; one of the wrong type or
/// out of range is noted, all of them (`problem`). Unknown fields are ignored: a newer version may have written them.
class object_reader {
public:
  object_reader(const nlohmann::json& obj, std::string_view what) :
    obj_(obj), problem_(errc::validation, std::string{what}) {
    if (!obj.is_object()) {
      problem_.message += ": must be a JSON object";
      failed_ = true;
    }
  }

  object_reader& read(const char* name, std::string& out) {
    if (auto* x = find(name)) {
      if (auto* str = x->get_ptr<const std::string*>())
        out = *str;
      else
        note(name, "must be a string");
    }
    return *this;
  }
  object_reader& read(const char* name, bool& out) {
    if (auto* x = find(name)) {
      if (x->is_boolean())
        out = x->get<bool>();
      else
        note(name, "must be true or false");
    }
    return *this;
  }
  object_reader& read(const char* name, double& out) {
    if (auto* x = find(name)) {
      if (x->is_number())
        out = x->get<double>();
      else
        note(name, "must be a number");
    }
    return *this;
  }
  template <std::integral Int>
  requires(!std::same_as<Int, bool>) object_reader& read(const char* name, Int& out) {
    if (auto* x = find(name)) {
      if (!to_integer(*x, out))
        note(name, "must be a whole number from " + std::to_string(std::numeric_limits<Int>::min()) + " to "
                     + std::to_string(std::numeric_limits<Int>::max()));
    }
    return *this;
  }
  object_reader& read(const char* name, timestamp& out) {
    std::string text;
    read(name, text);
    if (text.empty())
      return *this;
    if (auto t = parse_iso8601(text))
      out = *t;
    else
      note(name, "must be a time like 2026-01-31T12:34:56.789Z");
    return *this;
  }
  /// An array of strings.
  object_reader& read(const char* name, std::vector<std::string>& out) {
    each(name, [&](const nlohmann::json& x) {
      if (auto* str = x.get_ptr<const std::string*>())
        out.push_back(*str);
      else
        note(name, "must hold strings only");
    });
    return *this;
  }
  /// Calls f(const json&) for each element of an array field.
  template <class F>
  object_reader& each(const char* name, F f) {
    if (auto* x = find(name)) {
      if (!x->is_array())
        note(name, "must be an array");
      else
        for (auto& element : *x)
          f(element);
    }
    return *this;
  }
  /// Calls f(key, value) for each entry of an object field.
  template <class F>
  object_reader& each_entry(const char* name, F f) {
    if (auto* x = find(name)) {
      if (!x->is_object())
        note(name, "must be an object");
      else
        for (auto& [key, value] : x->items())
          f(key, value);
    }
    return *this;
  }

  /// nullptr when absent or null.
  const nlohmann::json* find(const char* name) const {
    if (!obj_.is_object())
      return nullptr;
    auto i = obj_.find(name);
    return i == obj_.end() || i->is_null() ? nullptr : &*i;
  }
  void note(std::string_view name, std::string reason) {
    failed_ = true;
    problem_.fields.emplace_back(name, std::move(reason));
  }
  /// Takes over the problems of a nested object.
  void note_all(std::string_view name, const error& nested) {
    if (nested.fields.empty())
      note(name, nested.message);
    for (auto& [field, reason] : nested.fields)
      note(std::string{name} + "." + field, reason);
  }
  bool ok() const {
    return !failed_;
  }
  /// What was wrong, all of it in one message and field by field.
  error problem() const {
    auto out = problem_;
    for (auto& [field, reason] : problem_.fields)
      out.message += (&field == &problem_.fields.front().first ? ": " : "; ") + field + " " + reason;
    return out;
  }
  template <class T>
  result<T> finish(T value) const {
    if (!ok())
      return problem();
    return value;
  }

  template <std::integral Int>
  static bool to_integer(const nlohmann::json& x, Int& out) {
    if (x.is_number_unsigned()) {
      auto v = x.get<uint64_t>();
      if (!std::in_range<Int>(v))
        return false;
      out = static_cast<Int>(v);
      return true;
    }
    if (!x.is_number_integer() || !std::in_range<Int>(x.get<int64_t>()))
      return false;
    out = static_cast<Int>(x.get<int64_t>());
    return true;
  }

private:
  const nlohmann::json& obj_;
  error problem_;
  bool failed_ = false;
};

} // namespace troupe

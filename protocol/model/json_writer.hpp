#pragma once

// Builds JSON text straight into one string: no document in between. Knows nothing of nlohmann's header.

#include "protocol/model/error.hpp"
#include "protocol/model/ids.hpp"
#include "protocol/model/time.hpp"

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// Appends `text` as a JSON literal with its quotes; invalid UTF-8 becomes U+FFFD.
void append_quoted(std::string& out, std::string_view text);
/// Appends the shortest form that reads back as the same number; "null" for infinities and NaN, which JSON lacks.
void append_number(std::string& out, double x);
/// True for one complete JSON value in valid UTF-8 and nothing else. Takes no memory that grows with the nesting of a
/// document tree and never throws.
bool is_json(std::string_view text) noexcept;
/// True for a JSON object.
bool is_json_object(std::string_view text) noexcept;

/// One JSON object, field by field in the order of the calls. Names are ours and need no escaping.
class object_writer {
public:
  object_writer& text(std::string_view name, std::string_view value) {
    key(name);
    append_quoted(out_, value);
    return *this;
  }
  /// null when empty.
  object_writer& text_or_null(std::string_view name, std::string_view value) {
    return value.empty() ? null(name) : text(name, value);
  }
  template <std::integral Int>
  requires(!std::same_as<Int, bool>) object_writer& number(std::string_view name, Int value) {
    key(name);
    out_ += std::to_string(value);
    return *this;
  }
  object_writer& number(std::string_view name, double value) {
    key(name);
    append_number(out_, value);
    return *this;
  }
  object_writer& boolean(std::string_view name, bool value) {
    return raw(name, value ? "true" : "false");
  }
  object_writer& null(std::string_view name) {
    return raw(name, "null");
  }
  /// ISO 8601; null when not set.
  object_writer& time(std::string_view name, timestamp value) {
    return text_or_null(name, to_iso8601(value));
  }
  template <class Tag>
  object_writer& id(std::string_view name, troupe::id<Tag> value) {
    return value ? text(name, value.str()) : null(name);
  }
  /// `json` is JSON already.
  object_writer& raw(std::string_view name, std::string_view json) {
    key(name);
    out_ += json;
    return *this;
  }
  /// Text from elsewhere that ought to be JSON: null when empty, a string when it is no JSON after all.
  object_writer& foreign(std::string_view name, std::string_view json) {
    if (json.empty())
      return null(name);
    return is_json(json) ? raw(name, json) : text(name, json);
  }
  /// A name that comes from elsewhere.
  template <std::integral Int>
  object_writer& quoted_number(std::string_view name, Int value) {
    quoted_key(name).out_ += std::to_string(value);
    return *this;
  }
  /// An object of name → whole number.
  template <class Map>
  object_writer& numbers(std::string_view name, const Map& values) {
    object_writer inner;
    for (auto& [k, v] : values)
      inner.quoted_number(k, v);
    return raw(name, std::move(inner).str());
  }
  /// field → reason, as in error::fields. Of a name that comes twice the reasons are joined.
  object_writer& reasons(std::string_view name, const std::vector<std::pair<std::string, std::string>>& fields);

  std::string str() && {
    out_ += '}';
    return std::move(out_);
  }

private:
  object_writer& quoted_key(std::string_view name) {
    if (out_.size() > 1)
      out_ += ',';
    append_quoted(out_, name);
    out_ += ':';
    return *this;
  }
  void key(std::string_view name) {
    out_ += out_.size() > 1 ? ",\"" : "\"";
    out_ += name;
    out_ += "\":";
  }

  std::string out_ = "{";
};

/// `[f(x), …]`, where f gives the JSON of one element.
template <class Range, class F>
std::string json_array(const Range& xs, F f) {
  std::string out = "[";
  for (auto& x : xs) {
    if (out.size() > 1)
      out += ',';
    out += f(x);
  }
  out += ']';
  return out;
}

} // namespace troupe

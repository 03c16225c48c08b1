#pragma once

// Reads a JSON object that a client sent: all bad fields are found at once. Hides nlohmann's header.

#include "protocol/model/result.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::net {

class json_body {
public:
  /// errc::validation when `text` is not one JSON object, or is nested deeper than 32. An empty text is an empty
  /// object.
  static result<json_body> parse(std::string_view text);
  json_body(json_body&&) noexcept;
  json_body& operator=(json_body&&) noexcept;
  ~json_body();

  bool has(std::string_view name) const;
  // Absent (or null): nullopt. Of another type or out of range: nullopt, and a problem is noted.
  std::optional<std::string> text(std::string_view name, size_t max_length = 4096);
  std::optional<int64_t> integer(std::string_view name, int64_t minimum, int64_t maximum);
  std::optional<double> number(std::string_view name, double minimum, double maximum);
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::vector<std::string>> texts(std::string_view name, size_t max_count);
  /// An object's members that are texts ("topic" → "since").
  std::vector<std::pair<std::string, std::string>> text_members(std::string_view name);
  /// The value as JSON; an object only.
  std::optional<std::string> object(std::string_view name);
  /// The same of a list.
  std::optional<std::string> list(std::string_view name);
  /// The whole as JSON.
  std::string dump() const;

  void problem(std::string_view name, std::string reason);
  /// Notes a problem when `name` is absent.
  void require(std::string_view name);
  /// Notes a problem for each field that is none of `known`.
  void only(const std::vector<std::string_view>& known);
  /// errc::validation with every problem noted so far.
  result<void> verdict() const;

private:
  struct impl;
  explicit json_body(std::unique_ptr<impl> x);
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::net

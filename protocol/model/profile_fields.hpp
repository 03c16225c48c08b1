#pragma once

// The fields of a profile as people write them, one row each: configuration files, requests, the command line and the
// documentation of the API all walk this table.

#include "protocol/model/media.hpp"

#include <optional>
#include <span>
#include <string_view>
#include <variant>

namespace troupe {

/// A value as it came out of JSON or TOML.
using profile_value = std::variant<std::string, int64_t, double, bool, std::vector<ladder_rung>>;

struct profile_field {
  using member = std::variant<std::string media_profile::*, uint32_t media_profile::*, double media_profile::*,
                              bool media_profile::*, std::vector<ladder_rung> media_profile::*>;

  /// As in JSON: "maxWidth". In TOML it is "max_width" (toml_name).
  std::string_view name;
  member place;
  /// For people who choose.
  std::string_view about;
  /// Of numbers. `zero`: 0 is allowed beside them and means what it stands for.
  double min = 0;
  double max = 0;
  std::string_view zero = {};
};

/// What a field of numbers or of yes and no holds, as text: overloads for std::visit over `place`.
struct plain_field {
  const media_profile& x;

  std::string operator()(uint32_t media_profile::*place) const;
  std::string operator()(double media_profile::*place) const;
  std::string operator()(bool media_profile::*place) const;
};

/// In the order in which people want to read them.
std::span<const profile_field> profile_fields() noexcept;
/// nullptr when there is none of this (JSON) name.
const profile_field* find_profile_field(std::string_view name) noexcept;
/// "maxWidth" → "max_width".
std::string toml_name(std::string_view field);
/// "max_width" → "maxWidth"; what is no name of a field comes back as it is.
std::string json_name(std::string_view key);

/// "16 to 16384, or 0 (no limit)"; empty for fields that hold no number.
std::string range_of(const profile_field& f);

/// Sets the field, or says why not ("must be a whole number from 16 to 16384, or 0 (no limit)").
std::optional<std::string> assign(media_profile& x, const profile_field& f, const profile_value& value);
/// What is wrong with the number that stands in the field; nothing for fields that hold none.
std::optional<std::string> range_problem(const media_profile& x, const profile_field& f);

} // namespace troupe

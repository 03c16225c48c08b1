#pragma once

// One row for each key: its meaning, its place in `settings` and what it may be. Loading, `config show` and the
// reference file all walk this table.

#include "nodes/config/settings.hpp"

#include <optional>
#include <span>
#include <string_view>
#include <variant>

namespace troupe::config {

/// A value as it came: text from the environment or the command line, or typed from a TOML file.
struct raw_value {
  /// Text stands for any type; the others must match the field's.
  std::variant<std::string, int64_t, bool, std::vector<std::string>, std::monostate> value;
  /// True for environment and command line.
  bool untyped = false;
};

struct field {
  using place =
    std::variant<std::string*, bool*, uint16_t*, uint32_t*, byte_size*, milliseconds*, std::vector<std::string>*>;

  /// "section.key".
  std::string_view key;
  place target;
  /// A sentence or two; shown above the key in the reference file.
  std::string_view comment;
  uint64_t min = 0;
  uint64_t max = UINT64_MAX;
  /// Allowed texts (of each element, for a list); empty: any.
  std::span<const std::string_view> choices = {};
  /// Never shown: a password, or a URL that may hold one.
  bool secret = false;

  std::string_view section() const {
    return key.substr(0, key.find('.'));
  }
  std::string_view name() const {
    return key.substr(key.find('.') + 1);
  }
};

/// The table, bound to one `settings`, in the order of the reference file.
std::vector<field> fields(settings& x);
/// Comment of a section, for the reference file.
std::string_view section_comment(std::string_view section);

/// Sets the field, or says why not ("must be a whole number from 1 to 65535"). The reason never repeats the value of a
/// secret.
std::optional<std::string> assign(const field& f, const raw_value& value);
/// The field's present value as TOML; a secret that is set is "********".
std::string to_toml(const field& f);

} // namespace troupe::config

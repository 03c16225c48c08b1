#pragma once

#include "nodes/config/fields.hpp"
#include "protocol/model/error.hpp"

#include <functional>

namespace troupe::config {

/// Where a value comes from: "FILE:LINE", "environment NAME" or "--set".
struct place {
  std::string text;
  /// In the file; 0: from elsewhere.
  uint32_t line = 0;
};

/// Collects what is wrong with a configuration.
class problem_list {
public:
  void add(place where, std::string reason) {
    rows_.push_back({std::move(where), std::move(reason)});
  }
  /// Names the nearest key, or the keys of the section.
  void unknown_key(place where, std::string_view key, std::span<const field> table);
  void unknown_section(place where, std::string_view section, std::span<const field> table);
  bool empty() const {
    return rows_.empty();
  }
  /// In the order of the file's lines; then what is not of the file, in the order in which it was found.
  error to_error() const;

private:
  struct row {
    place where;
    std::string reason;
  };
  std::vector<row> rows_;
};

/// Told the key and what is wrong with its value ("must …").
using key_problem = std::function<void(const std::string& key, const std::string& reason)>;

/// What can only be judged when all sources are read: combinations, addresses, URLs.
void check_whole(const settings& x, const key_problem& wrong);

/// Number of insertions, removals, replacements and swaps of neighbours between two words.
size_t edit_distance(std::string_view a, std::string_view b);

} // namespace troupe::config

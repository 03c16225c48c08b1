#pragma once

#include "nodes/config/fields.hpp"
#include "protocol/model/error.hpp"

namespace troupe::config {

/// Collects what is wrong with a configuration.
class problem_list {
public:
  void add(std::string place, std::string reason) {
    rows_.emplace_back(std::move(place), std::move(reason));
  }
  /// Names the nearest key, or the keys of the section.
  void unknown_key(std::string place, std::string_view key, std::span<const field> table);
  void unknown_section(std::string place, std::string_view section, std::span<const field> table);
  bool empty() const {
    return rows_.empty();
  }
  error to_error() const;

private:
  std::vector<std::pair<std::string, std::string>> rows_;
};

/// What can only be judged when all sources are read: combinations, addresses, URLs.
void check_whole(const settings& x, problem_list& out);

/// Number of insertions, removals, replacements and swaps of neighbours between two words.
size_t edit_distance(std::string_view a, std::string_view b);

} // namespace troupe::config

#include "protocol/model/housekeeping.hpp"

#include <algorithm>
#include <array>

namespace troupe {

namespace {

constexpr std::array<std::string_view, 1> kinds_of_house{"scheduled_cleanup"};

} // namespace

std::span<const std::string_view> housekeeping_kinds() noexcept {
  return kinds_of_house;
}

bool is_housekeeper(const std::vector<std::string>& kinds) noexcept {
  const auto of_house = [](const std::string& kind) {
    return std::ranges::find(kinds_of_house, kind) != kinds_of_house.end();
  };
  return !kinds.empty() && std::ranges::all_of(kinds, of_house);
}

} // namespace troupe

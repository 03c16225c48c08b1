#include "protocol/model/health.hpp"

#include <array>

namespace troupe {

std::string_view to_string(health_status s) noexcept {
  static constexpr std::array<std::string_view, 4> names{"healthy", "degraded", "unhealthy", "disabled"};
  auto i = static_cast<size_t>(s);
  return i < names.size() ? names[i] : "unhealthy";
}

} // namespace troupe

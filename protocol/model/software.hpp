#pragma once

#include <string_view>

namespace troupe {

/// Version of this program ("1.2.0").
std::string_view software_version() noexcept;

} // namespace troupe

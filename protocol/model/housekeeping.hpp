#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// Kinds of jobs that a coordinator does itself where its process has no worker.
std::span<const std::string_view> housekeeping_kinds() noexcept;

/// Of a worker that runs these kinds and no others: it is a part of its coordinator, and does none of the work that
/// people ask for.
bool is_housekeeper(const std::vector<std::string>& kinds) noexcept;

} // namespace troupe

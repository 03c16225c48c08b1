#include "protocol/model/catalogue.hpp"

#include <array>

namespace troupe {

namespace {

constexpr std::array<std::string_view, 5> video_states{"pending", "ready", "failed", "missing", "removed"};
constexpr std::array<std::string_view, 7> scan_statuses{"discovering", "scanning", "caching",  "enriching",
                                                        "completed",   "failed",   "cancelled"};

template <class Enum, size_t N>
std::optional<Enum> from_name(const std::array<std::string_view, N>& names, std::string_view name) {
  for (size_t i = 0; i < N; ++i)
    if (names[i] == name)
      return static_cast<Enum>(i);
  return std::nullopt;
}

template <class Enum, size_t N>
std::string_view name_of(const std::array<std::string_view, N>& names, Enum x) {
  auto i = static_cast<size_t>(x);
  return i < N ? names[i] : names[N - 1];
}

} // namespace

std::string_view to_string(video_state s) noexcept {
  return name_of(video_states, s);
}

std::optional<video_state> video_state_from(std::string_view name) noexcept {
  return from_name<video_state>(video_states, name);
}

std::string_view to_string(scan_status s) noexcept {
  return name_of(scan_statuses, s);
}

std::optional<scan_status> scan_status_from(std::string_view name) noexcept {
  return from_name<scan_status>(scan_statuses, name);
}

uint32_t storyboard::sheets() const noexcept {
  auto a_sheet = static_cast<uint64_t>(columns) * rows;
  return a_sheet == 0 ? 0 : static_cast<uint32_t>((count + a_sheet - 1) / a_sheet);
}

std::string storyboard::sheet_name(uint32_t n) const {
  auto file = std::to_string(n) + ".jpg";
  if (!jellyfin)
    return "storyboard-" + file;
  return std::to_string(tile_width) + " - " + std::to_string(columns) + "x" + std::to_string(rows) + "/" + file;
}

bool same_content(const file_version& a, const file_version& b) noexcept {
  constexpr uint64_t coarse = 2'000'000'000;
  if (a.size != b.size)
    return false;
  if (a.mtime_ns == b.mtime_ns)
    return true;
  // Unsigned: hostile times may be as far apart as there are numbers.
  const auto apart = a.mtime_ns > b.mtime_ns ? static_cast<uint64_t>(a.mtime_ns) - static_cast<uint64_t>(b.mtime_ns)
                                             : static_cast<uint64_t>(b.mtime_ns) - static_cast<uint64_t>(a.mtime_ns);
  return a.inode != b.inode && apart <= coarse;
}

std::string file_version::str() const {
  return std::to_string(size) + "-" + std::to_string(mtime_ns) + "-" + std::to_string(inode);
}

std::string library_capability(library_id id) {
  return "library:" + id.str();
}

} // namespace troupe

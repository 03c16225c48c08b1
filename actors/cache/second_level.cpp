#include "actors/cache/second_level.hpp"

#include <algorithm>
#include <charconv>

namespace troupe::cache {

namespace {

constexpr std::string_view magic = "troupe1 ";
/// More prefixes than this at once: everything counts as changed.
constexpr size_t max_changes = 256;

} // namespace

std::string wrap(timestamp load_began, std::string_view payload) {
  std::string result{magic};
  result += std::to_string(to_ms(load_began));
  result += '\n';
  result += payload;
  return result;
}

std::optional<unwrapped> unwrap(std::string_view text) noexcept {
  if (!text.starts_with(magic))
    return std::nullopt;
  text.remove_prefix(magic.size());
  int64_t ms = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (problem != std::errc{} || end == text.data() + text.size() || *end != '\n' || ms <= 0)
    return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()) + 1);
  return unwrapped{from_ms(ms), text};
}

void change_log::changed(std::string prefix, timestamp now) {
  std::erase_if(changes_, [&](auto& x) { return x.at + keep_ < now || x.prefix.starts_with(prefix); });
  if (prefix.empty() || changes_.size() >= max_changes) {
    all_changed_ = std::max(all_changed_, now);
    changes_.clear();
    return;
  }
  changes_.push_back({std::move(prefix), now});
}

bool change_log::usable(std::string_view key, timestamp load_began, timestamp now) const noexcept {
  // A load in the future: a clock was stepped, so nothing can be said about its age.
  if (load_began <= all_changed_ || load_began > now)
    return false;
  return std::none_of(changes_.begin(), changes_.end(),
                      [&](auto& x) { return key.starts_with(x.prefix) && load_began <= x.at; });
}

} // namespace troupe::cache

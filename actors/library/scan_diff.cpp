#include "actors/library/scan_diff.hpp"

#include <algorithm>
#include <array>

namespace troupe::catalogue {

namespace {

constexpr std::array<std::string_view, 45> extensions{
  "3g2", "3gp", "aac", "aif",  "aiff", "ape", "asf",  "avi", "divx", "dv",  "f4v",  "flac", "flv", "m2ts", "m2v",
  "m4a", "m4b", "m4v", "mka",  "mkv",  "mov", "mp2",  "mp3", "mp4",  "mpe", "mpeg", "mpg",  "mts", "mxf",  "oga",
  "ogg", "ogm", "ogv", "opus", "qt",   "rm",  "rmvb", "ts",  "vob",  "wav", "webm", "wma",  "wmv", "wv",   "y4m"};
static_assert(std::is_sorted(extensions.begin(), extensions.end()));

} // namespace

bool is_media_name(std::string_view name) noexcept {
  if (name.empty() || name.front() == '.')
    return false;
  auto dot = name.rfind('.');
  if (dot == std::string_view::npos || name.size() - dot - 1 > 4)
    return false;
  std::array<char, 5> lower{};
  size_t n = 0;
  for (auto c : name.substr(dot + 1))
    lower[n++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::binary_search(extensions.begin(), extensions.end(), std::string_view{lower.data(), n});
}

bool may_name_text(std::string_view name) noexcept {
  auto dot = name.rfind('.');
  if (dot == std::string_view::npos || !is_media_name(name.substr(name.rfind('/') + 1)))
    return false;
  auto last = name.substr(dot + 1);
  return (last.size() == 2 || (last.size() == 3 && (last[0] | 0x20) == 'm')) && (last[last.size() - 2] | 0x20) == 't'
         && (last.back() | 0x20) == 's';
}

bool looks_like_text(std::string_view head) noexcept {
  return !head.empty() && std::ranges::none_of(head, [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r' && byte != '\f') || byte == 0x7f;
  });
}

void scan_diff::add_known(known_file file) {
  if (file.state != video_state::missing && file.state != video_state::removed)
    ++present_before_;
  auto path = file.path;
  known_.insert_or_assign(std::move(path), entry{std::move(file), false});
}

std::optional<known_file> scan_diff::found(std::string path, const file_version& version) {
  ++found_;
  auto i = known_.find(path);
  if (i == known_.end()) {
    ++new_;
    return known_file{{}, std::move(path), version, video_state::pending};
  }
  auto& [file, seen] = i->second;
  seen = true;
  if (file.state == video_state::removed)
    return std::nullopt;
  auto changed = own_versions_ ? file.version != version : !same_content(file.version, version);
  if (!changed && (file.state == video_state::ready || file.state == video_state::failed))
    return std::nullopt;
  if (changed || file.state == video_state::missing)
    ++updated_;
  return known_file{file.id, std::move(path), changed ? version : file.version, video_state::pending};
}

bool scan_diff::is_hidden(std::string_view path) const {
  if (hidden_.empty())
    return false;
  // Itself, or any folder above it.
  for (auto end = path.size(); end != std::string_view::npos; end = path.rfind('/', end - 1)) {
    if (hidden_.contains(path.substr(0, end)))
      return true;
    if (end == 0)
      break;
  }
  return false;
}

std::vector<video_id> scan_diff::missing() const {
  std::vector<video_id> gone;
  for (auto& [path, e] : known_)
    if (!e.seen && e.file.state != video_state::missing && e.file.state != video_state::removed && !is_hidden(path))
      gone.push_back(e.file.id);
  return gone;
}

} // namespace troupe::catalogue

#include "actors/library/librarian.hpp"

#include <algorithm>
#include <array>

namespace troupe::catalogue {

namespace {

/// "/a//b/./c/" → "/a/b/c". Nothing for a path that is not absolute or goes up.
std::optional<std::string> normal_form(std::string_view path) {
  if (path.empty() || path.front() != '/' || path.find('\0') != std::string_view::npos)
    return std::nullopt;
  std::string out;
  size_t pos = 0;
  while (pos < path.size()) {
    auto next = path.find('/', pos);
    auto part = path.substr(pos, next == std::string_view::npos ? next : next - pos);
    if (part == "..")
      return std::nullopt;
    if (!part.empty() && part != ".") {
      out += '/';
      out += part;
    }
    if (next == std::string_view::npos)
      break;
    pos = next + 1;
  }
  return out.empty() ? "/" : out;
}

/// Where the system keeps what is nobody's film: secrets, devices, and files that are made while they are read.
constexpr std::array<std::string_view, 5> system_folders{"/proc", "/sys", "/dev", "/etc", "/run"};
/// But desktops mount disks in the one, and the other is a disk in memory.
constexpr std::array<std::string_view, 2> open_folders{"/run/media/", "/dev/shm/"};

} // namespace

bool is_within(std::string_view inner, std::string_view outer) {
  if (outer == "/")
    return true;
  return inner.starts_with(outer) && (inner.size() == outer.size() || inner[outer.size()] == '/');
}

result<std::string> check_root(std::string root, library_id own, const std::string& data_folder,
                               const std::unordered_map<library_id, library>& others) {
  auto normal = normal_form(root);
  if (!normal) {
    error err{errc::validation, root + ": not an absolute path without '..'; write it as /folder/folder"};
    err.fields.emplace_back("path", "must be an absolute path without '..'");
    return err;
  }
  if (is_within(*normal, data_folder) || is_within(data_folder, *normal))
    return {errc::conflict, *normal + ": overlaps Troupe's own data folder; choose a folder beside it"};
  for (auto& [id, other] : others) {
    if (id == own || other.origin != library_origin::folder)
      continue;
    if (*normal == other.root)
      return {errc::conflict, *normal + ": is the root of library \"" + other.name + "\" (" + id.str() + ") already"};
    if (is_within(*normal, other.root) || is_within(other.root, *normal))
      return {errc::conflict, *normal + ": overlaps library \"" + other.name + "\" at " + other.root
                                + "; every file must belong to one library"};
  }
  return *normal;
}

result<void> check_places(const std::string& root, const std::vector<std::string>& private_places) {
  auto overlaps = [&](std::string_view place) { return is_within(root, place) || is_within(place, root); };
  const bool open = std::ranges::any_of(open_folders, [&](auto place) { return root.starts_with(place); });
  for (auto place : system_folders)
    if (!open && overlaps(place))
      return {errc::forbidden,
              root + ": overlaps " + std::string{place} + ", which belongs to the system; choose a folder with films"};
  for (auto& place : private_places)
    if (auto normal = normal_form(place); normal && overlaps(*normal))
      return {errc::forbidden, root
                                 + ": holds certificates or the configuration of this node, or lies among them; "
                                   "choose a folder beside them"};
  return {};
}

} // namespace troupe::catalogue

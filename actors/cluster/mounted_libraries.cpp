#include "actors/cluster/mounted_libraries.hpp"

#include <algorithm>

namespace troupe::cluster {

mounted_libraries::mounted_libraries(mount_table mounts, std::string data_folder) :
  mounts_(std::move(mounts)), data_folder_(std::move(data_folder)) {
}

std::string mounted_libraries::built_in_folder(library_id id) const {
  return id == uploads_library ? "uploads" : id == downloads_library ? "downloads" : "";
}

result<std::string> mounted_libraries::root_here(const entry& x) const {
  if (x.problem.code != errc::none)
    return {errc::unavailable, x.problem.message};
  return mounts_.here(x.coordinator_root);
}

result<std::string> mounted_libraries::root_of(library_id id) const {
  if (auto folder = built_in_folder(id); !folder.empty()) {
    if (data_folder_.empty())
      return {errc::unavailable, "the coordinator's folder of " + folder + " is not mounted on this node"};
    return data_folder_ + "/" + folder;
  }
  std::lock_guard guard{mutex_};
  auto i = entries_.find(id);
  if (i == entries_.end())
    return {errc::not_found, "library " + id.str() + " was not looked at on this node yet"};
  return root_here(i->second);
}

result<std::string> mounted_libraries::root_of(library_id id, const std::string& coordinator_root) const {
  if (!built_in_folder(id).empty())
    return root_of(id);
  std::lock_guard guard{mutex_};
  auto i = entries_.find(id);
  // Its root was changed since it was looked at: that says nothing of the new one.
  if (i == entries_.end() || i->second.coordinator_root != coordinator_root)
    return mounts_.here(coordinator_root);
  return root_here(i->second);
}

result<std::string> mounted_libraries::place_of(library_id id, const std::string& coordinator_path,
                                                const std::string& relative) const {
  auto tail = "/" + relative;
  if (relative.empty() || !coordinator_path.ends_with(tail))
    return mounts_.here(coordinator_path);
  auto root = root_of(id, coordinator_path.substr(0, coordinator_path.size() - tail.size()));
  if (!root)
    return root;
  return *root + tail;
}

std::vector<std::string> mounted_libraries::problems() const {
  std::lock_guard guard{mutex_};
  std::vector<std::string> out;
  for (auto& [id, x] : entries_)
    if (x.problem.code != errc::none)
      out.push_back(x.problem.message);
  return out;
}

std::vector<std::string> mounted_libraries::capabilities() const {
  std::vector<std::string> out;
  if (!data_folder_.empty())
    out = {library_capability(uploads_library), library_capability(downloads_library)};
  std::lock_guard guard{mutex_};
  for (auto& [id, x] : entries_)
    if (x.problem.code == errc::none)
      out.push_back(library_capability(id));
  std::ranges::sort(out);
  return out;
}

bool mounted_libraries::is_mounted(library_id id) const {
  return root_of(id).has_value();
}

bool mounted_libraries::set(library_id id, const std::string& coordinator_root, const result<void>& found) {
  entry now{coordinator_root, found ? error{errc::none, {}} : found.error()};
  std::lock_guard guard{mutex_};
  auto [i, fresh] = entries_.try_emplace(id, now);
  const bool same = !fresh && i->second.coordinator_root == now.coordinator_root && i->second.problem == now.problem;
  i->second = std::move(now);
  return !same;
}

void mounted_libraries::keep_only(const std::vector<library_id>& ids) {
  std::lock_guard guard{mutex_};
  std::erase_if(entries_, [&](auto& x) { return std::ranges::find(ids, x.first) == ids.end(); });
}

} // namespace troupe::cluster

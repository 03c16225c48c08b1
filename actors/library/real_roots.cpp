#include "actors/library/real_roots.hpp"

#include "actors/library/librarian.hpp"
#include "actors/media/in_time.hpp"

namespace troupe::catalogue {

namespace {

using files_ptr = std::shared_ptr<ports::files>;

error silent(const std::string& path, milliseconds limit) {
  return {errc::unavailable, path + " has not answered for " + std::to_string(limit.count())
                               + " ms; look at what is mounted there and try again"};
}

/// What several looks may take together.
class time_left {
public:
  explicit time_left(milliseconds limit) : until_(system_clocks{}.mono() + limit) {
  }
  milliseconds get() const {
    return std::max(milliseconds{0}, until_ - system_clocks{}.mono());
  }

private:
  mono_time until_;
};

/// As its name says when nothing more is known of it.
ports::folder_facts seen(const files_ptr& files, const std::string& path, const time_left& left) {
  ports::folder_facts unknown;
  unknown.real_path = path;
  const auto limit = left.get();
  if (limit == milliseconds{0})
    return unknown;
  auto facts = work::in_time<ports::folder_facts>(
    limit, [files, path] { return files->look_at_folder(path); }, silent(path, limit));
  return facts ? std::move(*facts) : unknown;
}

/// Of a folder or a file.
std::string real_path_of(const files_ptr& files, const std::string& path, const time_left& left) {
  auto out = seen(files, path, left);
  const auto slash = path.rfind('/');
  if (out.inode != 0 || slash == 0 || slash == std::string::npos)
    return out.real_path;
  return seen(files, path.substr(0, slash), left).real_path + path.substr(slash);
}

bool same_folder(const ports::folder_facts& a, const ports::folder_facts& b) {
  return a.real_path == b.real_path || (a.inode != 0 && a.inode == b.inode && a.device == b.device);
}

bool overlaps(const ports::folder_facts& a, const ports::folder_facts& b) {
  return same_folder(a, b) || is_within(a.real_path, b.real_path) || is_within(b.real_path, a.real_path);
}

/// "/a", or "/a (which is /b/c)"
std::string described(const std::string& name, const ports::folder_facts& facts) {
  return facts.real_path == name ? name : name + " (which is " + facts.real_path + ")";
}

} // namespace

result<ports::folder_facts> look_at_root(const files_ptr& files, const root_question& x) {
  return work::in_time<ports::folder_facts>(
    x.limit,
    [files, path = x.root]() -> result<ports::folder_facts> {
      auto names = files->list(path);
      if (!names)
        return std::move(names).error();
      if (!files->space(path))
        return {errc::validation, path + ": not a folder that this node can read; check the path and its rights"};
      return files->look_at_folder(path);
    },
    silent(x.root, x.limit));
}

result<void> check_real_root(const files_ptr& files, const root_question& x, const ports::folder_facts& root) {
  const time_left left{x.limit};
  const auto name = described(x.root, root);
  if (auto data = seen(files, x.data_folder, left); overlaps(root, data))
    return {errc::conflict, name + ": overlaps Troupe's own data folder; choose a folder beside it"};
  std::vector<std::string> places;
  for (auto& place : x.private_places)
    places.push_back(real_path_of(files, place, left));
  if (auto good = check_places(root.real_path, places); !good)
    return {good.error().code, (root.real_path == x.root ? "" : x.root + " leads to ") + good.error().message};
  for (auto& other : x.others) {
    if (other.origin != library_origin::folder)
      continue;
    auto there = seen(files, other.root, left);
    if (same_folder(root, there))
      return {errc::conflict, name + ": is the same folder as " + described(other.root, there)
                                + ", the root of library \"" + other.name + "\" (" + other.id.str() + ")"};
    if (overlaps(root, there))
      return {errc::conflict, name + ": overlaps library \"" + other.name + "\" at " + described(other.root, there)
                                + "; every file must belong to one library"};
  }
  return {};
}

} // namespace troupe::catalogue

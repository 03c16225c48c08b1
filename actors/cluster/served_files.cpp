#include "actors/cluster/served_files.hpp"

#include "actors/cluster/file_rules.hpp"

namespace troupe::cluster {

served_files::served_files(std::shared_ptr<const mounted_libraries> mounted, opener open, const clock& time) :
  mounted_(std::move(mounted)), open_(std::move(open)), clock_(time) {
}

void served_files::set_key(std::string pem) {
  std::lock_guard guard{mutex_};
  key_ = std::move(pem);
}

result<file_ticket> served_files::check(std::string_view text) const {
  std::string key;
  {
    std::lock_guard guard{mutex_};
    key = key_;
  }
  auto x = identity::check_ticket(text, key, clock_.wall());
  if (!x)
    return x;
  auto library = library_of_root(x->root);
  if (!library)
    return std::move(library).error();
  if (x->action != file_action::read || !*library || is_built_in(**library))
    return {errc::forbidden, "this node serves files of its libraries for reading, and nothing else"};
  return x;
}

result<ports::opened_file> served_files::open(const file_ticket& x) const {
  auto library = library_of_root(x.root);
  if (!library || !*library || is_built_in(**library))
    return {errc::forbidden, "this node serves files of its libraries, and nothing else"};
  auto root = mounted_->root_of(**library);
  // Not looked at yet: that passes, and another node may have it.
  if (!root)
    return {errc::unavailable, root.error().message};
  return open_(*root, x.path);
}

bool served_files::fits(const file_ticket& x, const file_version& there) {
  auto known = version_of_content(x.content);
  return known && x.size == there.size && same_content(*known, there);
}

} // namespace troupe::cluster

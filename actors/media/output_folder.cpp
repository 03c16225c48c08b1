#include "actors/media/output_folder.hpp"

#include "actors/media/far_files.hpp"

namespace troupe::work {

output_maker output_folder::maker() {
  return [this](const std::string& name) -> result<unique_fd> {
    // The pool has checked it; here it becomes part of a path.
    if (!exec::valid_output_name(name) || !given_.insert(name).second)
      return {errc::protocol, "an output has a name that it may not have, or one that is taken"};
    return shop_.files->create(file(name));
  };
}

result<void> output_folder::check(const std::vector<said_file>& said) const {
  bytes_ = 0;
  std::set<std::string_view> names;
  for (auto& x : said) {
    if (!given_.contains(x.name) || !names.insert(x.name).second)
      return {errc::protocol, "the executor says that it wrote a file that it was not given"};
    auto there = shop_.files->version_of(file(x.name));
    if (!there)
      return std::move(there).error();
    if (there->size == 0 || there->size != x.bytes.value_or(there->size))
      return {errc::protocol,
              x.name + ": there are " + std::to_string(there->size) + " bytes, and not as many as the executor says"};
    bytes_ += there->size;
  }
  if (names.size() != given_.size())
    return {errc::protocol, "the executor began " + std::to_string(given_.size()) + " files and finished "
                              + std::to_string(names.size())};
  return {};
}

result<void> output_folder::publish(attempt& a, const std::string& folder) {
  if (!shop_.shares_data)
    return shop_.far->push_folder(a, path_, {given_.begin(), given_.end()}, folder);
  return shop_.files->publish_folder(path_, shop_.data_folder + "/" + folder);
}

} // namespace troupe::work

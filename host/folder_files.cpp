#include "host/folder_files.hpp"

#include "host/posix.hpp"
#include "host/system_error.hpp"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace troupe::host {

result<std::shared_ptr<folder_files>> folder_files::open(const std::string& folder) {
  TROUPE_TRY(check_path(folder));
  // It is a way into the folder and nothing else: the right to list it is not needed.
  unique_fd fd{::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!fd)
    return system_error(errno, "open the folder", folder);
  return std::shared_ptr<folder_files>{new folder_files{folder, std::move(fd)}};
}

folder_files::folder_files(std::string folder, unique_fd fd) :
  folder_(std::move(folder)), fd_(std::move(fd)), entry_("/proc/self/fd/" + std::to_string(fd_.get())) {
}

std::string folder_files::inside(const std::string& path) const {
  if (!path.starts_with(folder_))
    return path;
  auto rest = path.substr(folder_.size());
  // The entry itself is a link to what the folder is called now, which is not asked for.
  if (rest.empty())
    return entry_ + "/.";
  return rest.front() == '/' ? entry_ + rest : path;
}

std::string folder_files::outside(std::string text) const {
  for (auto at = text.find(entry_); at != std::string::npos; at = text.find(entry_, at)) {
    const auto end = at + entry_.size();
    const bool longer = end < text.size() && text[end] >= '0' && text[end] <= '9';
    if (!longer)
      text.replace(at, entry_.size(), folder_);
    at += longer ? entry_.size() : folder_.size();
  }
  return text;
}

template <class T>
result<T> folder_files::told(result<T> x) const {
  if (x)
    return x;
  auto why = std::move(x).error();
  why.message = outside(std::move(why.message));
  return why;
}

result<void> folder_files::check_writable(const std::string& path) const {
  if (::faccessat(AT_FDCWD, inside(path).c_str(), W_OK | X_OK, AT_EACCESS) != 0)
    return system_error(errno, "write in the folder", path);
  return {};
}

result<ports::opened_file> folder_files::open_source(const std::string& path) {
  return told(disk_.open_source(inside(path)));
}

result<ports::opened_file> folder_files::open_below(const std::string& root, const std::string& path) {
  return told(disk_.open_below(inside(root), path));
}

result<file_version> folder_files::version_of(const std::string& path) {
  return told(disk_.version_of(inside(path)));
}

result<unique_fd> folder_files::create(const std::string& path) {
  return told(disk_.create(inside(path)));
}

result<ports::opened_file> folder_files::open_append(const std::string& path) {
  return told(disk_.open_append(inside(path)));
}

result<void> folder_files::publish(const std::string& from, const std::string& to) {
  return told(disk_.publish(inside(from), inside(to)));
}

result<void> folder_files::publish_folder(const std::string& from, const std::string& to) {
  return told(disk_.publish_folder(inside(from), inside(to)));
}

result<void> folder_files::remove(const std::string& path) {
  return told(disk_.remove(inside(path)));
}

result<void> folder_files::make_folders(const std::string& path) {
  return told(disk_.make_folders(inside(path)));
}

result<std::vector<std::string>> folder_files::list(const std::string& folder) {
  return told(disk_.list(inside(folder)));
}

result<ports::folder_facts> folder_files::look_at_folder(const std::string& path) {
  return told(disk_.look_at_folder(inside(path)));
}

result<std::string> folder_files::read_text(const std::string& path) {
  return told(disk_.read_text(inside(path)));
}

result<void> folder_files::write_text(const std::string& path, std::string_view text) {
  return told(disk_.write_text(inside(path), text));
}

result<ports::disk_space> folder_files::space(const std::string& path) {
  return told(disk_.space(inside(path)));
}

result<void> folder_files::walk(const std::string& root, const std::function<bool(std::string_view name)>& wanted,
                                const std::function<bool(ports::walk_batch)>& batch) {
  return told(disk_.walk(inside(root), wanted, [&](ports::walk_batch found) {
    for (auto& problem : found.problems)
      problem = outside(std::move(problem));
    return batch(std::move(found));
  }));
}

} // namespace troupe::host

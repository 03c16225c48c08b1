#include "host/files.hpp"

#include "host/beneath.hpp"
#include "host/posix.hpp"
#include "host/system_error.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace troupe::host {

namespace {

constexpr mode_t file_mode = 0640;
constexpr mode_t folder_mode = 0750;
constexpr size_t max_text = 64 * 1024;

result<struct stat> regular(int fd, const std::string& path) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0)
    return system_error(errno, "look at", path);
  if (S_ISLNK(facts.st_mode))
    return {errc::forbidden, path + " is a symbolic link: name the file itself"};
  if (!S_ISREG(facts.st_mode))
    return {errc::unprocessable, path + " is not a regular file"};
  return facts;
}

/// Neither follows a link nor opens a device: good for looking only.
result<unique_fd> open_to_look(const std::string& path) {
  TROUPE_TRY(check_path(path));
  unique_fd fd{::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
  if (!fd)
    return system_error(errno, "open", path);
  return fd;
}

/// link refuses an existing name too, where RENAME_NOREPLACE is not to be had.
int link_instead(const std::string& from, const std::string& to) {
  return ::link(from.c_str(), to.c_str()) == 0 && ::unlink(from.c_str()) == 0 ? 0 : -1;
}

result<void> sync_file(const std::string& path) {
  unique_fd fd{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)};
  if (!fd)
    return system_error(errno, "open", path);
  if (auto facts = regular(fd.get(), path); !facts)
    return std::move(facts).error();
  if (::fsync(fd.get()) != 0)
    return system_error(errno, "sync", path);
  return {};
}

result<void> remove_tree(int parent, const char* name, const std::string& path, int depth);

result<void> empty_folder(unique_fd fd, const std::string& path, int depth) {
  dir_ptr folder{::fdopendir(fd.get())};
  if (!folder)
    return system_error(errno, "read the folder", path);
  fd.release();
  for (;;) {
    errno = 0;
    auto entry = ::readdir(folder.get());
    if (entry == nullptr)
      return errno == 0 ? result<void>{} : system_error(errno, "read the folder", path);
    std::string name{entry->d_name};
    if (name != "." && name != "..")
      TROUPE_TRY(remove_tree(::dirfd(folder.get()), name.c_str(), path + "/" + name, depth + 1));
  }
}

result<void> remove_tree(int parent, const char* name, const std::string& path, int depth) {
  // Each level keeps a descriptor open; what we make ourselves is a few levels deep.
  constexpr int max_depth = 64;
  if (::unlinkat(parent, name, 0) == 0 || errno == ENOENT)
    return {};
  if (errno != EISDIR && errno != EPERM)
    return system_error(errno, "remove", path);
  if (depth > max_depth)
    return {errc::io, "can't remove " + path + ": its folders are nested too deeply"};
  unique_fd fd{::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (!fd)
    return system_error(errno, "remove", path);
  TROUPE_TRY(empty_folder(std::move(fd), path, depth));
  if (::unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
    return system_error(errno, "remove the folder", path);
  return {};
}

} // namespace

result<ports::opened_file> files::open_source(const std::string& path) {
  auto look = open_to_look(path);
  if (!look)
    return std::move(look).error();
  if (auto facts = regular(look->get(), path); !facts)
    return std::move(facts).error();
  // The same file again, now for reading: the name may mean another one by now.
  auto same = "/proc/self/fd/" + std::to_string(look->get());
  unique_fd fd{::open(same.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
  if (!fd)
    return system_error(errno, "open", path);
  auto facts = regular(fd.get(), path);
  if (!facts)
    return std::move(facts).error();
  return ports::opened_file{std::move(fd), version_from(*facts)};
}

result<ports::opened_file> files::open_below(const std::string& root, const std::string& path) {
  return open_beneath(root, path);
}

result<file_version> files::version_of(const std::string& path) {
  auto look = open_to_look(path);
  if (!look)
    return std::move(look).error();
  auto facts = regular(look->get(), path);
  if (!facts)
    return std::move(facts).error();
  return version_from(*facts);
}

result<unique_fd> files::create(const std::string& path) {
  TROUPE_TRY(check_path(path));
  TROUPE_TRY(make_folders(parent_of(path)));
  unique_fd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file_mode)};
  if (!fd)
    return system_error(errno, "create", path);
  return fd;
}

result<ports::opened_file> files::open_append(const std::string& path) {
  TROUPE_TRY(check_path(path));
  TROUPE_TRY(make_folders(parent_of(path)));
  constexpr int flags = O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  unique_fd fd{::open(path.c_str(), flags, file_mode)};
  if (!fd)
    return system_error(errno, "open", path);
  auto facts = regular(fd.get(), path);
  if (!facts)
    return std::move(facts).error();
  return ports::opened_file{std::move(fd), version_from(*facts)};
}

namespace {

/// Renames what is synced, never over something else; `instead` does it on a file system without RENAME_NOREPLACE.
result<void> rename_synced(const std::string& from, const std::string& to,
                           int (*instead)(const std::string& from, const std::string& to)) {
  int rc = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  if (rc != 0 && (errno == EINVAL || errno == ENOSYS))
    rc = instead(from, to);
  if (rc != 0)
    return system_error(errno, "publish", to);
  auto folder = parent_of(to);
  TROUPE_TRY(sync_folder(folder));
  // The folder itself may be new, made by somebody who has not synced its name yet or was killed before.
  TROUPE_TRY(sync_folder(parent_of(folder)));
  if (parent_of(from) != folder)
    TROUPE_TRY(sync_folder(parent_of(from)));
  return {};
}

/// The name is taken by an empty folder first: that one alone is replaced.
int move_folder_instead(const std::string& from, const std::string& to) {
  if (::mkdir(to.c_str(), folder_mode) != 0)
    return -1;
  return ::rename(from.c_str(), to.c_str());
}

result<void> sync_tree(const std::string& path, int depth) {
  // What we make ourselves is a few levels deep.
  constexpr int max_depth = 8;
  if (depth > max_depth)
    return {errc::io, path + ": its folders are nested too deeply"};
  dir_ptr dir{::opendir(path.c_str())};
  if (!dir)
    return system_error(errno, "read the folder", path);
  for (;;) {
    errno = 0;
    auto entry = ::readdir(dir.get());
    if (entry == nullptr && errno != 0)
      return system_error(errno, "read the folder", path);
    if (entry == nullptr)
      return sync_folder(path);
    std::string name{entry->d_name};
    if (name == "." || name == "..")
      continue;
    auto inner = path + "/" + name;
    struct stat facts {};
    if (::lstat(inner.c_str(), &facts) != 0)
      return system_error(errno, "look at", inner);
    TROUPE_TRY(S_ISDIR(facts.st_mode) ? sync_tree(inner, depth + 1) : sync_file(inner));
  }
}

} // namespace

result<void> files::publish(const std::string& from, const std::string& to) {
  TROUPE_TRY(check_path(from));
  TROUPE_TRY(check_path(to));
  TROUPE_TRY(sync_file(from));
  TROUPE_TRY(make_folders(parent_of(to)));
  return rename_synced(from, to, link_instead);
}

result<void> files::publish_folder(const std::string& from, const std::string& to) {
  TROUPE_TRY(check_path(from));
  TROUPE_TRY(check_path(to));
  TROUPE_TRY(sync_tree(from, 0));
  TROUPE_TRY(make_folders(parent_of(to)));
  return rename_synced(from, to, move_folder_instead);
}

result<void> files::remove(const std::string& path) {
  TROUPE_TRY(check_path(path));
  return remove_tree(AT_FDCWD, path.c_str(), path, 0);
}

result<void> files::make_folders(const std::string& path) {
  TROUPE_TRY(check_path(path));
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0)
    return S_ISDIR(facts.st_mode) ? result<void>{} : result<void>{errc::conflict, path + " is not a folder"};
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    auto part = path.substr(0, end);
    if (::mkdir(part.c_str(), folder_mode) == 0)
      TROUPE_TRY(sync_folder(parent_of(part)));
    else if (errno != EEXIST)
      return system_error(errno, "make the folder", part);
    if (end == std::string::npos)
      break;
  }
  if (::stat(path.c_str(), &facts) != 0)
    return system_error(errno, "make the folder", path);
  return S_ISDIR(facts.st_mode) ? result<void>{} : result<void>{errc::conflict, path + " is not a folder"};
}

result<std::vector<std::string>> files::list(const std::string& folder) {
  TROUPE_TRY(check_path(folder));
  std::vector<std::string> out;
  dir_ptr dir{::opendir(folder.c_str())};
  if (!dir)
    return errno == ENOENT ? result<std::vector<std::string>>{out} : system_error(errno, "read the folder", folder);
  for (;;) {
    errno = 0;
    auto entry = ::readdir(dir.get());
    if (entry == nullptr)
      break;
    std::string_view name{entry->d_name};
    if (name != "." && name != "..")
      out.emplace_back(name);
  }
  if (errno != 0)
    return system_error(errno, "read the folder", folder);
  return out;
}

namespace {

/// Where a link leads; empty for anything else.
std::string link_target(const std::string& path) {
  std::string target(PATH_MAX, '\0');
  auto n = ::readlink(path.c_str(), target.data(), target.size());
  target.resize(static_cast<size_t>(std::max<ssize_t>(n, 0)));
  return target;
}

/// The name of an open folder without links, and which one it is; empty and 0 where the system does not say.
void identify(int folder, ports::folder_facts& out) {
  out.real_path = link_target("/proc/self/fd/" + std::to_string(folder));
  struct stat facts {};
  if (::fstat(folder, &facts) == 0) {
    out.device = facts.st_dev;
    out.inode = facts.st_ino;
  }
}

} // namespace

result<ports::folder_facts> files::look_at_folder(const std::string& path) {
  TROUPE_TRY(check_path(path));
  ports::folder_facts out;
  out.link = link_target(path);
  unique_fd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK)};
  if (!fd && errno == ENOTDIR && ::access(path.c_str(), F_OK) == 0)
    return {errc::unprocessable, path + " is not a folder"};
  dir_ptr dir{fd ? ::fdopendir(fd.get()) : nullptr};
  if (!dir) {
    auto why = system_error(errno, "read the folder", path);
    if (why.code == errc::not_found && !out.link.empty())
      why.message = path + " is a symbolic link to " + out.link + ", which is not there";
    return why;
  }
  identify(fd.get(), out);
  if (out.real_path.empty())
    out.real_path = path;
  fd.release();
  out.empty = true;
  for (errno = 0; auto entry = ::readdir(dir.get()); errno = 0) {
    std::string_view name{entry->d_name};
    if (name != "." && name != ".." && name != "lost+found") {
      out.empty = false;
      return out;
    }
  }
  if (errno != 0)
    return system_error(errno, "read the folder", path);
  return out;
}

result<std::string> files::read_text(const std::string& path) {
  auto file = open_source(path);
  if (!file)
    return std::move(file).error();
  return read_all(file->fd.get(), max_text, path);
}

result<void> files::write_text(const std::string& path, std::string_view text) {
  static std::atomic<uint64_t> counter{0};
  TROUPE_TRY(check_path(path));
  auto name = path.substr(path.rfind('/') + 1);
  auto beside = parent_of(path) + "/." + name + "." + std::to_string(::getpid()) + "-"
                + std::to_string(counter.fetch_add(1)) + ".part";
  auto fd = create(beside);
  if (!fd)
    return std::move(fd).error();
  auto write = [&]() -> result<void> {
    TROUPE_TRY(write_all(fd->get(), text, path));
    if (::fsync(fd->get()) != 0)
      return system_error(errno, "sync", path);
    if (::rename(beside.c_str(), path.c_str()) != 0)
      return system_error(errno, "replace", path);
    return {};
  };
  if (auto written = write(); !written) {
    ::unlink(beside.c_str());
    return written;
  }
  return sync_folder(parent_of(path));
}

result<ports::disk_space> files::space(const std::string& path) {
  TROUPE_TRY(check_path(path));
  struct statvfs facts {};
  if (::statvfs(path.c_str(), &facts) != 0)
    return system_error(errno, "look at the disk of", path);
  return ports::disk_space{static_cast<uint64_t>(facts.f_blocks) * facts.f_frsize,
                           static_cast<uint64_t>(facts.f_bavail) * facts.f_frsize};
}

} // namespace troupe::host

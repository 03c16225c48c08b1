#include "host/data_folder.hpp"

#include "host/files.hpp"
#include "host/posix.hpp"
#include "host/system_error.hpp"
#include "protocol/model/ids.hpp"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <sys/file.h>

namespace troupe::host {

namespace {

result<std::string> real_path(const std::string& path) {
  std::unique_ptr<char, decltype(&std::free)> real{::realpath(path.c_str(), nullptr), &std::free};
  if (!real)
    return system_error(errno, "find", path);
  return std::string{real.get()};
}

/// Who holds the lock, as far as its file tells.
std::string holder(int fd) {
  auto text = read_all(fd, 32, "lock");
  auto digits = text ? text->substr(0, text->find_first_not_of("0123456789")) : std::string{};
  return digits.empty() ? "another process" : "process " + digits;
}

result<unique_fd> take_lock(const std::string& folder) {
  auto path = folder + "/lock";
  unique_fd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640)};
  if (!fd)
    return system_error(errno, "open", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return system_error(errno, "lock", path);
    return {errc::conflict,
            "the data folder " + folder + " is in use by " + holder(fd.get()) + ": stop it, or choose another folder"};
  }
  if (::ftruncate(fd.get(), 0) != 0)
    return system_error(errno, "write", path);
  TROUPE_TRY(write_all(fd.get(), std::to_string(::getpid()) + "\n", path));
  return fd;
}

result<std::string> node_id_of(files& disk, const std::string& folder) {
  auto path = folder + "/node.id";
  auto text = disk.read_text(path);
  if (!text && text.error().code != errc::not_found)
    return std::move(text).error();
  if (text && !text->empty()) {
    auto id = text->substr(0, text->find('\n'));
    if (!parse_raw_id(id))
      return {errc::conflict, path + " does not hold a node's id: restore it, or remove it for a new one"};
    return id;
  }
  auto id = to_string(random_id());
  TROUPE_TRY(disk.write_text(path, id + "\n"));
  return id;
}

} // namespace

result<data_folder> data_folder::open(const std::string& path) {
  files disk;
  TROUPE_TRY(disk.make_folders(path));
  auto real = real_path(path);
  if (!real)
    return std::move(real).error();
  data_folder out;
  out.path_ = *real;
  auto lock = take_lock(out.path_);
  if (!lock)
    return std::move(lock).error();
  out.lock_ = std::move(*lock);
  for (auto name : {"artwork", "renditions", "uploads", "downloads", "tmp", "logs"})
    TROUPE_TRY(disk.make_folders(out.path_ + "/" + name));
  // They may be there from a life that was killed before it had synced their names.
  TROUPE_TRY(sync_folder(out.path_));
  auto id = node_id_of(disk, out.path_);
  if (!id)
    return std::move(id).error();
  out.node_id_ = *id;
  return out;
}

} // namespace troupe::host

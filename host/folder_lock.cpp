#include "host/folder_lock.hpp"

#include "host/posix.hpp"
#include "host/system_error.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace troupe::host {

namespace {

/// Who holds the lock, as far as its file tells.
std::string holder(int fd) {
  auto text = read_all(fd, 32, "lock");
  auto digits = text ? text->substr(0, text->find_first_not_of("0123456789")) : std::string{};
  return digits.empty() ? "another process" : "process " + digits;
}

} // namespace

result<unique_fd> lock_folder(const std::string& folder) {
  return lock_folder(AT_FDCWD, folder);
}

result<unique_fd> lock_folder(int at, const std::string& folder) {
  auto path = folder + "/lock";
  unique_fd fd{::openat(at, at == AT_FDCWD ? path.c_str() : "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640)};
  if (!fd)
    return system_error(errno, "open", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return system_error(errno, "lock", path);
    return {errc::conflict, folder + " is in use by " + holder(fd.get()) + ": stop it, or choose another folder"};
  }
  if (::ftruncate(fd.get(), 0) != 0)
    return system_error(errno, "write", path);
  TROUPE_TRY(write_all(fd.get(), std::to_string(::getpid()) + "\n", path));
  return fd;
}

} // namespace troupe::host

#include "host/beneath.hpp"

#include "host/posix.hpp"
#include "host/system_error.hpp"

#include <linux/openat2.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

namespace troupe::host {

namespace {

/// Somebody renames folders while we look: the kernel asks to try again.
constexpr int most_tries = 16;

error leads_out(const std::string& root, const std::string& path) {
  return {errc::unprocessable, root + "/" + path + " leads out of " + root
                                 + " by a symbolic link, and only what is below it is read or given away; put the file "
                                   "itself there, or mount the folder where the link is"};
}

error is_link(const std::string& path) {
  return {errc::unprocessable, path + " is a symbolic link: name the file itself"};
}

result<void> check_relative(const std::string& root, const std::string& path) {
  TROUPE_TRY(check_path(root));
  size_t begin = 0;
  for (;;) {
    auto end = path.find('/', begin);
    auto part = std::string_view{path}.substr(begin, end == std::string::npos ? end : end - begin);
    if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string_view::npos)
      return {errc::validation, "'" + path + "' is no path below a folder"};
    if (end == std::string::npos)
      return {};
    begin = end + 1;
  }
}

/// Opens only to look, the last part itself though it were a link. errno of openat2; ENOSYS without it.
int openat2_to_look(int root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  for (int tries = 0;; ++tries) {
    auto fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN || tries == most_tries)
      return static_cast<int>(fd);
  }
}

/// Part by part; each of them is a folder, the last one whatever it is.
result<unique_fd> walk_to(unique_fd at, const std::string& root, const std::string& path) {
  for (size_t begin = 0;;) {
    const auto end = path.find('/', begin);
    const auto last = end == std::string::npos;
    const auto part = path.substr(begin, last ? end : end - begin);
    const auto so_far = root + "/" + path.substr(0, end);
    unique_fd next{::openat(at.get(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
    struct stat facts {};
    if (!next || ::fstat(next.get(), &facts) != 0)
      return system_error(errno, "open", so_far);
    if (last)
      return next;
    if (S_ISLNK(facts.st_mode))
      return {errc::unprocessable, so_far + " is a symbolic link, and this machine can't tell whether it stays below "
                                     + root + " (openat2, Linux 5.6); put the files themselves there"};
    at = std::move(next);
    begin = end + 1;
  }
}

result<unique_fd> look_beneath(const std::string& root, const std::string& path, following how) {
  TROUPE_TRY(check_relative(root, path));
  unique_fd top{::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!top)
    return system_error(errno, "open", root);
  if (how == following::kernel) {
    unique_fd fd{openat2_to_look(top.get(), path)};
    if (fd)
      return fd;
    if (errno == EXDEV)
      return leads_out(root, path);
    // Filters of containers that do not know the call say EPERM: for one that only looks, nobody else does.
    if (errno != ENOSYS && errno != EPERM)
      return system_error(errno, "open", root + "/" + path);
  }
  return walk_to(std::move(top), root, path);
}

result<struct stat> regular(int fd, const std::string& path) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0)
    return system_error(errno, "look at", path);
  if (S_ISLNK(facts.st_mode))
    return is_link(path);
  if (!S_ISREG(facts.st_mode))
    return {errc::unprocessable, path + " is not a regular file"};
  return facts;
}

} // namespace

result<ports::opened_file> open_beneath(const std::string& root, const std::string& path, following how) {
  auto look = look_beneath(root, path, how);
  if (!look)
    return std::move(look).error();
  const auto full = root + "/" + path;
  if (auto facts = regular(look->get(), full); !facts)
    return std::move(facts).error();
  // The same file again, now for reading: the name may mean another one by now.
  const auto same = "/proc/self/fd/" + std::to_string(look->get());
  unique_fd fd{::open(same.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
  if (!fd)
    return system_error(errno, "open", full);
  auto facts = regular(fd.get(), full);
  if (!facts)
    return std::move(facts).error();
  return ports::opened_file{std::move(fd), version_from(*facts)};
}

result<file_version> version_beneath(const std::string& root, const std::string& path, following how) {
  auto look = look_beneath(root, path, how);
  if (!look)
    return std::move(look).error();
  auto facts = regular(look->get(), root + "/" + path);
  if (!facts)
    return std::move(facts).error();
  return version_from(*facts);
}

result<void> check_beneath(const std::string& root, const std::string& path, following how) {
  TROUPE_TRY(check_relative(root, path));
  // From the longest folder on that is there.
  for (auto end = path.rfind('/'); end != std::string::npos && end > 0; end = path.rfind('/', end - 1)) {
    const auto folder = path.substr(0, end);
    auto there = look_beneath(root, folder, how);
    if (!there && there.error().code == errc::not_found)
      continue;
    if (!there)
      return std::move(there).error();
    struct stat facts {};
    if (::fstat(there->get(), &facts) != 0)
      return system_error(errno, "look at", root + "/" + folder);
    // The last part is a link itself, which was not followed yet.
    if (S_ISLNK(facts.st_mode)) {
      auto behind = look_beneath(root, folder + "/x", how);
      return behind || behind.error().code == errc::not_found ? result<void>{} : std::move(behind).error();
    }
    return S_ISDIR(facts.st_mode) ? result<void>{}
                                  : result<void>{errc::conflict, root + "/" + folder + " is not a folder"};
  }
  return {};
}

} // namespace troupe::host

#include "host/posix.hpp"

#include "host/system_error.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>

namespace troupe::host {

file_version version_from(const struct stat& facts) noexcept {
  return {static_cast<uint64_t>(facts.st_size),
          static_cast<int64_t>(facts.st_mtim.tv_sec) * 1'000'000'000 + facts.st_mtim.tv_nsec,
          static_cast<uint64_t>(facts.st_ino)};
}

std::string parent_of(const std::string& path) {
  auto end = path.find_last_not_of('/');
  auto slash = end == std::string::npos ? std::string::npos : path.rfind('/', end);
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

result<void> check_path(const std::string& path) {
  if (!path.starts_with('/') || path.find('\0') != std::string::npos)
    return {errc::validation, "a path has to be absolute, not '" + path.substr(0, path.find('\0')) + "'"};
  return {};
}

result<void> sync_folder(const std::string& path) {
  unique_fd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd)
    return system_error(errno, "open the folder", path);
  if (::fsync(fd.get()) != 0)
    return system_error(errno, "sync the folder", path);
  return {};
}

result<void> write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return system_error(errno, "write", path);
    text.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

result<std::string> read_all(int fd, size_t limit, const std::string& path) {
  std::string out;
  std::array<char, 8192> buffer;
  for (;;) {
    auto n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return system_error(errno, "read", path);
    if (n == 0)
      return out;
    out.append(buffer.data(), static_cast<size_t>(n));
    if (out.size() > limit)
      return {errc::too_large, path + " is larger than " + std::to_string(limit) + " bytes"};
  }
}

bool is_utf8(std::string_view text) noexcept {
  size_t i = 0;
  while (i < text.size()) {
    auto lead = static_cast<unsigned char>(text[i]);
    size_t more = lead < 0x80 ? 0 : lead >= 0xC2 && lead < 0xE0 ? 1 : lead >= 0xE0 && lead < 0xF0 ? 2 : 3;
    if ((more == 3 && (lead < 0xF0 || lead > 0xF4)) || i + more >= text.size())
      return false;
    uint32_t point = more == 0 ? lead : lead & (0x3Fu >> more);
    for (size_t k = 1; k <= more; ++k) {
      auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80)
        return false;
      point = point << 6 | (next & 0x3F);
    }
    constexpr std::array<uint32_t, 4> least{0, 0x80, 0x800, 0x10000};
    if (point < least[more] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000))
      return false;
    i += more + 1;
  }
  return true;
}

} // namespace troupe::host

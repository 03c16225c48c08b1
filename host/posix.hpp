#pragma once

// Small blocks of the file calls that more than one file of this room needs.

#include "protocol/model/catalogue.hpp"
#include "protocol/model/result.hpp"
#include "protocol/ports/fd.hpp"

#include <dirent.h>
#include <memory>
#include <sys/stat.h>

namespace troupe::host {

struct dir_closer {
  void operator()(DIR* what) const noexcept {
    ::closedir(what);
  }
};
using dir_ptr = std::unique_ptr<DIR, dir_closer>;

file_version version_from(const struct stat& facts) noexcept;
/// "/" for a path in the root.
std::string parent_of(const std::string& path);
/// validation unless the path is absolute and holds no NUL.
result<void> check_path(const std::string& path);
/// Syncs a folder's entries.
result<void> sync_folder(const std::string& path);
/// Writes all of it at the descriptor's position.
result<void> write_all(int fd, std::string_view text, const std::string& path);
/// Reads to the end; too_large over `limit` bytes.
result<std::string> read_all(int fd, size_t limit, const std::string& path);
bool is_utf8(std::string_view text) noexcept;

} // namespace troupe::host

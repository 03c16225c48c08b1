#include "net/file_cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace troupe::net {

using steady = std::chrono::steady_clock;

namespace {

error open_error() {
  switch (errno) {
  case ENOENT:
  case ENOTDIR:
  case ELOOP:
    return {errc::not_found, "the file is not there any more"};
  case EACCES:
  case EPERM:
    return {errc::internal, "the file can't be read: the server lacks the permission"};
  case EMFILE:
  case ENFILE:
    return {errc::unavailable, "too many files are open, try again"};
  default:
    return {errc::io, "the file can't be read"};
  }
}

/// The same for a file on whichever node it was asked for.
std::string tag_of(const file_version& version) {
  char tag[80];
  snprintf(tag, sizeof tag, "\"%llx-%llx-%llx\"", static_cast<unsigned long long>(version.size),
           static_cast<unsigned long long>(version.mtime_ns), static_cast<unsigned long long>(version.inode));
  return tag;
}

} // namespace

result<shared_file_ptr> open_shared(const std::string& path) {
  auto out = std::make_shared<shared_file>();
  out->fd = unique_fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)};
  if (!out->fd)
    return open_error();
  struct stat st;
  if (::fstat(out->fd.get(), &st) != 0)
    return open_error();
  if (!S_ISREG(st.st_mode))
    return {errc::not_found, "there is no regular file"};
  out->size = static_cast<uint64_t>(st.st_size);
  out->modified = st.st_mtim.tv_sec;
  out->etag = tag_of({out->size, int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec, st.st_ino});
  return shared_file_ptr{std::move(out)};
}

result<shared_file_ptr> open_located(const ports::located_file& where) {
  if (!where.far)
    return open_shared(where.path);
  auto out = std::make_shared<shared_file>();
  out->far = where.far;
  auto& version = where.far->version();
  out->size = version.size;
  out->modified = static_cast<std::time_t>(version.mtime_ns / 1'000'000'000);
  out->etag = tag_of(version);
  return shared_file_ptr{std::move(out)};
}

std::shared_ptr<const served_file> file_cache::find(const std::string& key) {
  std::lock_guard guard{mutex_};
  auto i = entries_.find(key);
  if (i == entries_.end())
    return nullptr;
  if (i->second.until > steady::now())
    return i->second.what;
  entries_.erase(i);
  return nullptr;
}

void file_cache::put(std::string key, std::shared_ptr<const served_file> what) {
  std::lock_guard guard{mutex_};
  auto now = steady::now();
  if (entries_.size() >= capacity)
    drop_expired(now);
  if (entries_.size() >= capacity)
    entries_.erase(entries_.begin());
  entries_[std::move(key)] = {std::move(what), now + lifetime};
}

void file_cache::forget(std::string_view prefix) {
  std::lock_guard guard{mutex_};
  drop_expired(steady::now());
  std::erase_if(entries_, [&](auto& e) { return e.first.starts_with(prefix); });
}

void file_cache::drop_expired(steady::time_point now) {
  std::erase_if(entries_, [&](auto& e) { return e.second.until <= now; });
}

} // namespace troupe::net

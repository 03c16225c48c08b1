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
  char tag[80];
  snprintf(tag, sizeof tag, "\"%llx-%llx-%llx\"", static_cast<unsigned long long>(st.st_size),
           static_cast<unsigned long long>(st.st_mtim.tv_sec) * 1'000'000'000ull
             + static_cast<unsigned long long>(st.st_mtim.tv_nsec),
           static_cast<unsigned long long>(st.st_ino));
  out->etag = tag;
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

#include "net/file_cache.hpp"

#include <cstdio>

namespace troupe::net {

using steady = std::chrono::steady_clock;

namespace {

/// The same for a file on whichever node it was asked for.
std::string tag_of(const file_version& version) {
  char tag[80];
  snprintf(tag, sizeof tag, "\"%llx-%llx-%llx\"", static_cast<unsigned long long>(version.size),
           static_cast<unsigned long long>(version.mtime_ns), static_cast<unsigned long long>(version.inode));
  return tag;
}

} // namespace

shared_file_ptr share(const ports::located_file& where) {
  auto out = std::make_shared<shared_file>();
  out->here = where.here;
  out->far = where.far;
  auto& version = where.far ? where.far->version() : where.version;
  out->size = version.size;
  out->modified = static_cast<std::time_t>(version.mtime_ns / 1'000'000'000);
  out->etag = tag_of(version);
  return out;
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

#include "net/file_uploads.hpp"

#include "net/disk_error.hpp"

#include <xxhash.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <vector>

namespace troupe::net {

namespace {

constexpr uint64_t flush_step = 16ull << 20U;
constexpr size_t hash_block = 1 << 20;
/// Uploads between two requests whose hash is remembered; of others the file is read once more.
constexpr size_t most_hashes = 1024;

/// A path of its own in the attempt's folder for each path that it may write.
std::string stem_of(const file_ticket& ticket) {
  auto name = ticket.root + "/" + ticket.path;
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(XXH3_64bits(name.data(), name.size())));
  return std::string{"in-"} + text;
}

/// Adds what `fd` has from `hash.bytes` to `end`.
result<void> read_into(upload_hash& hash, int fd, uint64_t end) {
  std::vector<char> block(hash_block);
  while (hash.bytes < end) {
    auto n =
      ::pread(fd, block.data(), std::min<uint64_t>(block.size(), end - hash.bytes), static_cast<off_t>(hash.bytes));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return disk_error(n < 0 ? errno : EIO, "what was sent can't be read again");
    hash.sum.add({block.data(), static_cast<size_t>(n)});
    hash.bytes += static_cast<uint64_t>(n);
  }
  return {};
}

} // namespace

struct file_uploads::paths {
  /// The attempt's folder.
  std::string folder;
  std::string partial;
  /// Where it goes when it is complete, and where it is once all is published: for a file the same.
  std::string target;
  std::string published;
};

file_uploads::file_uploads(std::shared_ptr<ports::files> disk,
                           std::function<result<upload_place>(const file_ticket&)> place) :
  disk_(std::move(disk)),
  place_(std::move(place)) {
}

result<file_uploads::paths> file_uploads::paths_of(const file_ticket& ticket, const std::string& name) const {
  auto place = place_(ticket);
  if (!place)
    return std::move(place).error();
  auto base = place->partial + "/" + stem_of(ticket);
  if (ticket.action == file_action::write)
    return paths{place->partial, base + ".part", place->target, place->target};
  // No name has a '+', some have a '/'.
  auto flat = name;
  std::replace(flat.begin(), flat.end(), '/', '+');
  return paths{place->partial, base + ".parts/" + flat, base + ".files/" + name, place->target + "/" + name};
}

result<std::unique_ptr<file_uploads::upload>> file_uploads::open(const file_ticket& ticket, const std::string& name) {
  auto where = paths_of(ticket, name);
  if (!where)
    return std::move(where).error();
  auto key = where->folder + "/" + stem_of(ticket) + "/" + name;
  if (!lock(key)) {
    error busy{errc::unavailable, "another connection is writing this file, try again in a moment"};
    busy.retry_after = std::chrono::seconds{2};
    return busy;
  }
  std::unique_ptr<upload> out{new upload{shared_from_this(), key, ticket}};
  // Published as a whole, or complete and waiting for that.
  for (auto& complete : {where->published, where->target})
    if (auto there = disk_->open_source(complete)) {
      out->target_ = complete;
      out->fd_ = std::move(there->fd);
      out->offset_ = there->version.size;
      out->complete_ = true;
      return out;
    } else if (there.error().code != errc::not_found) {
      return std::move(there).error();
    }
  auto opened = out->open(where->partial, where->target);
  // Its folder may just have gone with the last file that was in it.
  if (!opened && opened.error().code == errc::not_found)
    opened = out->open(where->partial, where->target);
  if (!opened)
    return std::move(opened).error();
  return out;
}

result<void> file_uploads::publish_folder(const file_ticket& ticket) {
  auto where = paths_of(ticket, "");
  if (!where)
    return std::move(where).error();
  auto base = where->folder + "/" + stem_of(ticket);
  if (!lock(base)) {
    error busy{errc::unavailable, "a file of this folder is being written, try again in a moment"};
    busy.retry_after = std::chrono::seconds{2};
    return busy;
  }
  auto target = where->published.substr(0, where->published.size() - 1);
  auto publish = [&]() -> result<void> {
    auto parts = disk_->list(base + ".parts");
    auto files = disk_->list(base + ".files");
    if (!parts || !files)
      return !parts ? std::move(parts).error() : std::move(files).error();
    if (!parts->empty())
      return {errc::conflict, "a file of the folder is not complete: send the rest of it first"};
    if (files->empty()) {
      struct stat facts {};
      if (::stat(target.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode))
        return {};
      return {errc::conflict, "no file of the folder was sent"};
    }
    TROUPE_TRY(disk_->publish_folder(base + ".files", target));
    ::rmdir((base + ".parts").c_str());
    ::rmdir(where->folder.c_str());
    return {};
  };
  auto outcome = publish();
  unlock(base);
  return outcome;
}

bool file_uploads::lock(const std::string& key) {
  std::lock_guard guard{mutex_};
  // Neither the same, nor the folder of it, nor a file in it.
  auto below = locked_.lower_bound(key + "/");
  bool busy = below != locked_.end() && below->starts_with(key + "/");
  for (auto end = key.rfind('/'); !busy && end != std::string::npos && end > 0; end = key.rfind('/', end - 1))
    busy = locked_.contains(key.substr(0, end));
  return !busy && locked_.insert(key).second;
}

void file_uploads::unlock(const std::string& key) {
  std::lock_guard guard{mutex_};
  locked_.erase(key);
}

void file_uploads::keep(const std::string& key, upload_hash hash) {
  std::lock_guard guard{mutex_};
  hashes_.emplace_back(key, std::move(hash));
  if (hashes_.size() > most_hashes)
    hashes_.pop_front();
}

upload_hash file_uploads::take(const std::string& key) {
  std::lock_guard guard{mutex_};
  upload_hash out;
  auto i = std::find_if(hashes_.begin(), hashes_.end(), [&](auto& x) { return x.first == key; });
  if (i == hashes_.end())
    return out;
  out = i->second;
  hashes_.erase(i);
  return out;
}

file_uploads::upload::upload(std::shared_ptr<file_uploads> all, std::string key, const file_ticket& ticket) :
  all_(std::move(all)), key_(std::move(key)), most_bytes_(ticket.most_bytes) {
}

file_uploads::upload::~upload() {
  if (!complete_ && fd_ && hash_.bytes > 0)
    all_->keep(key_, std::move(hash_));
  all_->unlock(key_);
}

result<void> file_uploads::upload::open(const std::string& partial, const std::string& target) {
  auto file = all_->disk_->open_append(partial);
  if (!file)
    return std::move(file).error();
  partial_ = partial;
  target_ = target;
  fd_ = std::move(file->fd);
  offset_ = file->version.size;
  flushed_ = offset_;
  hash_ = all_->take(key_);
  // Somebody has made it anew meanwhile.
  if (hash_.bytes > offset_)
    hash_ = {};
  return {};
}

result<void> file_uploads::upload::append(std::string_view bytes) {
  if (complete_)
    return bytes.empty() ? result<void>{} : result<void>{errc::conflict, "the file is complete already"};
  if (bytes.size() > most_bytes_ || offset_ > most_bytes_ - bytes.size())
    return {errc::too_large, "the address is for a file of at most " + std::to_string(most_bytes_) + " bytes"};
  while (!bytes.empty()) {
    auto n = ::write(fd_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      auto why = disk_error(errno, "what was sent can't be kept");
      // The limit of the process is a limit of the disk to others.
      if (why.code == errc::too_large)
        why.code = errc::storage_full;
      return why;
    }
    if (hash_.bytes == offset_) {
      hash_.sum.add(bytes.substr(0, static_cast<size_t>(n)));
      hash_.bytes += static_cast<uint64_t>(n);
    }
    bytes.remove_prefix(static_cast<size_t>(n));
    offset_ += static_cast<uint64_t>(n);
  }
  if (offset_ - flushed_ >= flush_step) {
    ::sync_file_range(fd_.get(), static_cast<off_t>(flushed_), static_cast<off_t>(offset_ - flushed_),
                      SYNC_FILE_RANGE_WRITE);
    flushed_ = offset_;
  }
  return {};
}

result<void> file_uploads::upload::finish(std::string_view digest) {
  TROUPE_TRY(read_into(hash_, fd_.get(), offset_));
  auto same = has_digest(digest, hash_.sum.field());
  if (complete_)
    return same ? result<void>{} : result<void>{errc::conflict, "there is another file under this name already"};
  if (!same) {
    TROUPE_TRY(all_->disk_->remove(partial_));
    fd_.reset();
    return {errc::io, "what has arrived is not what was sent, send it again from its start"};
  }
  if (auto published = all_->disk_->publish(partial_, target_); !published) {
    auto there = all_->disk_->open_source(target_);
    if (published.error().code != errc::conflict || !there)
      return published;
    // Somebody was faster: with the same file, or with another one.
    upload_hash other;
    TROUPE_TRY(read_into(other, there->fd.get(), there->version.size));
    TROUPE_TRY(all_->disk_->remove(partial_));
    if (!has_digest(digest, other.sum.field()))
      return {errc::conflict, "there is another file under this name already"};
  }
  complete_ = true;
  // Goes with its last file; the clean-up would find it, too.
  ::rmdir(partial_.substr(0, partial_.rfind('/')).c_str());
  return {};
}

} // namespace troupe::net

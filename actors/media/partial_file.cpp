#include "actors/media/partial_file.hpp"

#include <spdlog/spdlog.h>

#include <charconv>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace troupe::work {

partial_file::partial_file(const workshop& shop, const lease_token& token, std::string url) :
  files_(shop.files), path_(shop.data_folder + "/tmp/" + token.job.str() + ".part"),
  own_path_(shop.data_folder + "/tmp/" + output_name(token) + ".part"), url_(std::move(url)) {
}

result<void> partial_file::open() {
  auto shared = open_shared();
  if (!shared)
    return std::move(shared).error();
  return *shared ? result<void>{} : open_own();
}

/// False: another attempt has it.
result<bool> partial_file::open_shared() {
  // Between the opening and the lock it may have been published or removed; who holds the lock keeps it from that.
  for (int tries = 0; tries < 3; ++tries) {
    auto file = files_->open_append(path_);
    if (!file)
      return std::move(file).error();
    // Where there are no locks, nobody can be sure to be the only one.
    if (::flock(file->fd.get(), LOCK_EX | LOCK_NB) != 0)
      return false;
    fd_ = std::move(file->fd);
    if (!has_name())
      continue;
    shared_ = true;
    // What was written after the last sync may be anything after a power cut.
    size_ = std::min(read_state(), size_now());
    if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0)
      return error{errc::io, "can't go on with the part of the download that is here"};
    return true;
  }
  return false;
}

result<void> partial_file::open_own() {
  path_ = own_path_;
  TROUPE_TRY(files_->remove(path_));
  auto file = files_->open_append(path_);
  if (!file)
    return std::move(file).error();
  fd_ = std::move(file->fd);
  return {};
}

void partial_file::learn(const std::string& validator) {
  std::lock_guard guard{mutex_};
  if (!validator.empty())
    validator_ = validator;
}

std::string partial_file::validator() {
  std::lock_guard guard{mutex_};
  return validator_;
}

bool partial_file::has_name() const {
  struct stat open_file {};
  auto named = files_->version_of(path_);
  // Both are in one folder, and so on one file system.
  return ::fstat(fd_.get(), &open_file) == 0 && named && named->inode == open_file.st_ino;
}

uint64_t partial_file::size_now() const {
  struct stat facts {};
  return ::fstat(fd_.get(), &facts) == 0 ? static_cast<uint64_t>(facts.st_size) : 0;
}

void partial_file::checkpoint() {
  // Before the size: of a file that was begun anew meanwhile, the old validator with any size does no harm.
  auto known = validator();
  auto state = url_ + "\n" + std::to_string(size_now()) + "\n" + known;
  if (!shared_ || known.empty() || state == saved_)
    return;
  auto kept = ::fdatasync(fd_.get()) == 0 ? files_->write_text(state_path(), state)
                                          : result<void>{error{errc::io, "the part can't be synced"}};
  if (kept)
    saved_ = std::move(state);
  else if (!std::exchange(warned_, true))
    spdlog::warn("a download that is interrupted now begins anew: {}", kept.error().message);
}

void partial_file::keep() {
  if (!shared_ || size_now() == 0 || validator().empty())
    return drop();
  checkpoint();
  if (!has_name())
    drop();
}

void partial_file::drop() {
  remove(path_);
  if (shared_)
    remove(state_path());
}

void partial_file::remove(const std::string& path) {
  if (auto removed = files_->remove(path); !removed)
    spdlog::warn("a part of a download is left: {}", removed.error().message);
}

uint64_t partial_file::read_state() {
  auto state = files_->read_text(state_path());
  if (!state || !state->starts_with(url_ + "\n"))
    return 0;
  uint64_t synced = 0;
  auto end = state->data() + state->size();
  auto number = std::from_chars(state->data() + url_.size() + 1, end, synced);
  if (number.ec != std::errc{} || number.ptr == end || *number.ptr != '\n')
    return 0;
  validator_.assign(number.ptr + 1, static_cast<const char*>(end));
  return validator_.empty() ? 0 : synced;
}

} // namespace troupe::work

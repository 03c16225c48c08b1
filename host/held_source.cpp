#include "host/held_source.hpp"

#include "host/cache_map.hpp"
#include "host/system_error.hpp"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace troupe::host {

held_source::held_source(std::shared_ptr<cache_folder> folder, std::string stem, std::string key, uint64_t size,
                         unique_fd fd, const std::vector<byte_span>& present) :
  folder_(std::move(folder)),
  stem_(std::move(stem)), key_(std::move(key)), size_(size), fd_(std::move(fd)) {
  for (auto& span : present)
    present_.add(span);
}

held_source::~held_source() {
  // There is nobody to tell: what could not be written down is fetched again.
  (void)write_down();
  folder_->let_go(*this);
}

result<unique_fd> held_source::open_for_reading() const {
  // Not by its name, which may be gone.
  auto same = "/proc/self/fd/" + std::to_string(fd_.get());
  unique_fd out{::open(same.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!out)
    return folder_->told(system_error(errno, "open", "a file of the cache"));
  return out;
}

std::vector<byte_span> held_source::present() const {
  std::lock_guard guard{mutex_};
  return present_.list();
}

result<void> held_source::mark(byte_span there) {
  if (there.begin > there.end || there.end > size_)
    return {errc::validation, "bytes " + std::to_string(there.begin) + " to " + std::to_string(there.end)
                                + " are not of a file of " + std::to_string(size_)};
  {
    std::lock_guard guard{mutex_};
    present_.add(there);
    unwritten_ += there.end - there.begin;
    if (unwritten_ < folder_->options().bytes_a_map)
      return {};
  }
  return folder_->told(write_down());
}

result<void> held_source::sync() {
  return folder_->told(write_down());
}

void held_source::disown() {
  std::lock_guard guard{writing_};
  disowned_ = true;
}

result<void> held_source::write_down() {
  for (;;) {
    auto written = write_once();
    if (lost_)
      // Again is harmless.
      folder_->lose(*this);
    else if (!written && written.error().code == errc::storage_full && folder_->disk_full(1))
      continue;
    return written;
  }
}

result<void> held_source::write_once() {
  std::lock_guard writing{writing_};
  if (lost_)
    return {errc::io, "the disk has not kept what was fetched; all of it is thrown away"};
  cache_map map{key_, size_, {}};
  uint64_t covered = 0;
  {
    std::lock_guard guard{mutex_};
    map.present = present_.list();
    covered = unwritten_;
  }
  if (disowned_ || covered == 0)
    return {};
  // The data before the map that speaks of it. What could not be synced is told once and then taken for written: it may
  // be gone from memory, too, and comes back as whatever the disk has there.
  if (folder_->options().sync(fd_.get()) != 0) {
    auto why = system_error(errno, "sync", folder_->path(stem_, cache_data_suffix));
    lost_ = disowned_ = true;
    why.message += "; what was fetched of it is thrown away";
    return why;
  }
  TROUPE_TRY(write_cache_map(folder_->path(stem_, cache_map_suffix), map));
  std::lock_guard guard{mutex_};
  unwritten_ -= covered;
  return {};
}

} // namespace troupe::host

#include "host/source_cache.hpp"

#include "host/cache_map.hpp"
#include "host/files.hpp"
#include "host/posix.hpp"
#include "host/system_error.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <fcntl.h>
#include <map>
#include <mutex>

namespace troupe::host {

namespace {

constexpr std::string_view data_suffix = ".data";
constexpr std::string_view map_suffix = ".map";
const std::string fresh_map_suffix = std::string{map_suffix} + std::string{fresh_suffix};
constexpr size_t stem_size = 32;
constexpr uint64_t block = 512;
/// How long one waits for another to write down what it lets go.
constexpr std::chrono::seconds longest_sync{30};

class held_source;

/// One file of the cache, whoever holds it.
struct entry {
  uint64_t size = 0;
  uint64_t last_used = 0;
  /// Of a file that nobody holds; what is held is asked of its descriptor.
  uint64_t allocated = 0;
  std::weak_ptr<held_source> holder;
  /// Is, or was a moment ago, in somebody's hands.
  held_source* held = nullptr;
};

uint64_t allocated_by(int fd) {
  struct stat facts {};
  return ::fstat(fd, &facts) == 0 ? static_cast<uint64_t>(facts.st_blocks) * block : 0;
}

/// Our files' names: 32 hexadecimal digits and one of the suffixes.
bool is_stem(std::string_view text) {
  return text.size() == stem_size && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// The folder and what is in it. `mutex` holds everything; a source keeps the folder alive.
class cache_folder : public std::enable_shared_from_this<cache_folder> {
public:
  explicit cache_folder(const source_cache_options& options) : options_(options) {
  }

  /// Reads what an earlier process has left.
  result<void> load();
  result<std::shared_ptr<ports::cached_source>> open(const std::string& key, uint64_t size);
  result<void> make_room(uint64_t bytes);
  void drop(const std::string& key);

  const source_cache_options& options() const noexcept {
    return options_;
  }
  std::string path(const std::string& stem, std::string_view suffix) const {
    return options_.folder + "/" + stem + std::string{suffix};
  }
  /// Called by the last holder, from its destructor.
  void let_go(held_source& who);

private:
  result<void> load_one(const std::string& stem, std::vector<std::pair<timespec, std::string>>& order);
  /// Map first: data without a map is nothing.
  result<void> forget(const std::string& stem);
  result<void> evict_to(uint64_t most);
  uint64_t allocated() const;
  result<std::shared_ptr<ports::cached_source>> open_known(const std::string& stem, entry& known);
  result<unique_fd> create(const std::string& stem, uint64_t size);
  std::shared_ptr<held_source> hold(const std::string& stem, const std::string& key, entry& what, unique_fd fd,
                                    std::vector<byte_span> present);

  source_cache_options options_;
  files disk_;
  mutable std::mutex mutex_;
  /// An entry has lost its holder.
  std::condition_variable free_;
  std::map<std::string, entry> entries_;
  /// Held by somebody, but no longer what its key means.
  std::vector<held_source*> dropped_;
  uint64_t uses_ = 0;
};

class held_source final : public ports::cached_source {
public:
  held_source(std::shared_ptr<cache_folder> folder, std::string stem, std::string key, uint64_t size, unique_fd fd,
              const std::vector<byte_span>& present) :
    folder_(std::move(folder)),
    stem_(std::move(stem)), key_(std::move(key)), size_(size), fd_(std::move(fd)) {
    for (auto& span : present)
      present_.add(span);
  }

  ~held_source() override {
    // There is nobody to tell: what could not be written down is fetched again.
    (void)write_down();
    folder_->let_go(*this);
  }

  uint64_t size() const noexcept override {
    return size_;
  }

  int descriptor() const noexcept override {
    return fd_.get();
  }

  result<unique_fd> open_for_reading() const override {
    // Not by its name, which may be gone.
    auto same = "/proc/self/fd/" + std::to_string(fd_.get());
    unique_fd out{::open(same.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!out)
      return system_error(errno, "open", "a file of the cache");
    return out;
  }

  std::vector<byte_span> present() const override {
    std::lock_guard guard{mutex_};
    return present_.list();
  }

  result<void> mark(byte_span there) override {
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
    return write_down();
  }

  const std::string& stem() const noexcept {
    return stem_;
  }
  /// From now on nothing of it is written down.
  void disown() {
    std::lock_guard guard{writing_};
    disowned_ = true;
  }

private:
  result<void> write_down() {
    std::lock_guard writing{writing_};
    cache_map map{key_, size_, {}};
    uint64_t covered = 0;
    {
      std::lock_guard guard{mutex_};
      map.present = present_.list();
      covered = unwritten_;
    }
    if (disowned_ || covered == 0)
      return {};
    // The data before the map that speaks of it.
    if (::fdatasync(fd_.get()) != 0)
      return system_error(errno, "sync", folder_->path(stem_, data_suffix));
    TROUPE_TRY(write_cache_map(folder_->path(stem_, map_suffix), map));
    std::lock_guard guard{mutex_};
    unwritten_ -= covered;
    return {};
  }

  std::shared_ptr<cache_folder> folder_;
  const std::string stem_;
  const std::string key_;
  const uint64_t size_;
  unique_fd fd_;
  /// Taken before `mutex_`.
  std::mutex writing_;
  bool disowned_ = false;
  mutable std::mutex mutex_;
  byte_spans present_;
  /// Bytes of marks since the last map.
  uint64_t unwritten_ = 0;
};

result<void> cache_folder::load() {
  TROUPE_TRY(disk_.make_folders(options_.folder));
  auto names = disk_.list(options_.folder);
  if (!names)
    return std::move(names).error();
  std::vector<std::string> stems;
  for (auto& name : *names) {
    auto stem = name.substr(0, stem_size);
    auto suffix = name.substr(stem.size());
    if (is_stem(stem) && (suffix == data_suffix || suffix == map_suffix || suffix == fresh_map_suffix))
      stems.push_back(std::move(stem));
  }
  std::sort(stems.begin(), stems.end());
  stems.erase(std::unique(stems.begin(), stems.end()), stems.end());
  std::vector<std::pair<timespec, std::string>> order;
  for (auto& stem : stems)
    TROUPE_TRY(load_one(stem, order));
  std::sort(order.begin(), order.end(), [](auto& a, auto& b) {
    return std::pair{a.first.tv_sec, a.first.tv_nsec} < std::pair{b.first.tv_sec, b.first.tv_nsec};
  });
  for (auto& [when, stem] : order)
    entries_[stem].last_used = ++uses_;
  return evict_to(options_.max_bytes);
}

result<void> cache_folder::load_one(const std::string& stem, std::vector<std::pair<timespec, std::string>>& order) {
  struct stat map_facts {};
  struct stat facts {};
  auto map = read_cache_map(path(stem, map_suffix), map_facts);
  bool good = map && xxh128_of(map->key) == stem && ::lstat(path(stem, data_suffix).c_str(), &facts) == 0
              && S_ISREG(facts.st_mode) && static_cast<uint64_t>(facts.st_size) == map->size;
  if (!good)
    return forget(stem);
  ::unlink(path(stem, fresh_map_suffix).c_str());
  auto& x = entries_[stem];
  x.size = map->size;
  x.allocated = static_cast<uint64_t>(facts.st_blocks) * block;
  order.emplace_back(map_facts.st_mtim, stem);
  return {};
}

result<std::shared_ptr<ports::cached_source>> cache_folder::open(const std::string& key, uint64_t size) {
  auto stem = xxh128_of(key);
  // Let go after the lock: a last holder takes it.
  std::shared_ptr<held_source> held;
  std::unique_lock guard{mutex_};
  // Its last holder may just be writing it down.
  free_.wait_for(guard, longest_sync, [&] {
    auto i = entries_.find(stem);
    return i == entries_.end() || !i->second.held || (held = i->second.holder.lock());
  });
  auto known = entries_.find(stem);
  if (known != entries_.end() && (held = known->second.holder.lock())) {
    if (held->size() != size)
      return {errc::conflict, "a file of " + std::to_string(held->size())
                                + " bytes is in use under this key, not one of " + std::to_string(size)};
    return std::shared_ptr<ports::cached_source>{held};
  }
  if (known != entries_.end() && !known->second.held && known->second.size == size)
    if (auto opened = open_known(stem, known->second))
      return opened;
  if (known != entries_.end()) {
    // Damaged, or another file, or written down for too long: begun anew.
    if (known->second.held) {
      dropped_.push_back(known->second.held);
      known->second.held->disown();
    }
    entries_.erase(known);
  }
  TROUPE_TRY(forget(stem));
  if (allocated() >= options_.max_bytes)
    TROUPE_TRY(evict_to(options_.max_bytes == 0 ? 0 : options_.max_bytes - 1));
  auto fd = create(stem, size);
  if (!fd)
    return std::move(fd).error();
  auto& fresh = entries_[stem];
  fresh.size = size;
  return std::shared_ptr<ports::cached_source>{hold(stem, key, fresh, std::move(*fd), {})};
}

result<std::shared_ptr<ports::cached_source>> cache_folder::open_known(const std::string& stem, entry& known) {
  struct stat facts {};
  auto map = read_cache_map(path(stem, map_suffix), facts);
  if (!map)
    return std::move(map).error();
  auto data = path(stem, data_suffix);
  unique_fd fd{::open(data.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC)};
  if (!fd || ::fstat(fd.get(), &facts) != 0)
    return system_error(errno, "open", data);
  if (static_cast<uint64_t>(facts.st_size) != known.size)
    return {errc::io, data + " has another size than its map says"};
  // The order of use, for the next process.
  ::utimensat(AT_FDCWD, path(stem, map_suffix).c_str(), nullptr, 0);
  return std::shared_ptr<ports::cached_source>{hold(stem, map->key, known, std::move(fd), std::move(map->present))};
}

result<unique_fd> cache_folder::create(const std::string& stem, uint64_t size) {
  // An older map of this name must be gone for good before there is data that it could be taken to speak of.
  TROUPE_TRY(sync_folder(options_.folder));
  auto fd = disk_.create(path(stem, data_suffix));
  if (fd && ::ftruncate(fd->get(), static_cast<off_t>(size)) != 0) {
    auto why = system_error(errno, "make", path(stem, data_suffix));
    ::unlink(path(stem, data_suffix).c_str());
    return why;
  }
  return fd;
}

std::shared_ptr<held_source> cache_folder::hold(const std::string& stem, const std::string& key, entry& what,
                                                unique_fd fd, std::vector<byte_span> present) {
  auto out = std::make_shared<held_source>(shared_from_this(), stem, key, what.size, std::move(fd), present);
  what.holder = out;
  what.held = out.get();
  what.last_used = ++uses_;
  return out;
}

void cache_folder::let_go(held_source& who) {
  std::lock_guard guard{mutex_};
  free_.notify_all();
  if (std::erase(dropped_, &who) > 0)
    return;
  auto i = entries_.find(who.stem());
  if (i == entries_.end() || i->second.held != &who)
    return;
  i->second.held = nullptr;
  i->second.last_used = ++uses_;
  i->second.allocated = allocated_by(who.descriptor());
  ::utimensat(AT_FDCWD, path(who.stem(), map_suffix).c_str(), nullptr, 0);
  // What was fetched while it was held may be too much now. Who asks for room next is told when it does not help.
  (void)evict_to(options_.max_bytes);
}

result<void> cache_folder::make_room(uint64_t bytes) {
  std::lock_guard guard{mutex_};
  if (bytes > options_.max_bytes)
    return {errc::storage_full, "the cache of other nodes' files may hold " + std::to_string(options_.max_bytes)
                                  + " bytes, fewer than the " + std::to_string(bytes) + " that are needed at once"};
  return evict_to(options_.max_bytes - bytes);
}

void cache_folder::drop(const std::string& key) {
  auto stem = xxh128_of(key);
  std::lock_guard guard{mutex_};
  auto known = entries_.find(stem);
  if (known == entries_.end())
    return;
  if (auto* held = known->second.held) {
    held->disown();
    dropped_.push_back(held);
  }
  entries_.erase(known);
  // A map that can't be removed is of no use to anybody either: the next opening finds no data for it.
  (void)forget(stem);
  ::unlink(path(stem, data_suffix).c_str());
}

result<void> cache_folder::forget(const std::string& stem) {
  // For good: data that is thrown away must not come back after a power cut, nor a map without it.
  for (std::string_view suffix : {std::string_view{fresh_map_suffix}, map_suffix})
    if (::unlink(path(stem, suffix).c_str()) != 0 && errno != ENOENT)
      return system_error(errno, "remove", path(stem, suffix));
  TROUPE_TRY(sync_folder(options_.folder));
  if (::unlink(path(stem, data_suffix).c_str()) != 0 && errno != ENOENT)
    return system_error(errno, "remove", path(stem, data_suffix));
  return {};
}

uint64_t cache_folder::allocated() const {
  uint64_t out = 0;
  for (auto& [stem, x] : entries_)
    out += x.held ? allocated_by(x.held->descriptor()) : x.allocated;
  for (auto* x : dropped_)
    out += allocated_by(x->descriptor());
  return out;
}

result<void> cache_folder::evict_to(uint64_t most) {
  for (auto now = allocated(); now > most;) {
    auto oldest = entries_.end();
    for (auto i = entries_.begin(); i != entries_.end(); ++i)
      if (!i->second.held && (oldest == entries_.end() || i->second.last_used < oldest->second.last_used))
        oldest = i;
    if (oldest == entries_.end())
      return {errc::storage_full,
              "the cache of other nodes' files is full of what is in use: give it more room, or the "
              "node fewer slots"};
    now -= std::min(now, oldest->second.allocated);
    auto stem = oldest->first;
    entries_.erase(oldest);
    TROUPE_TRY(forget(stem));
  }
  return {};
}

class folder_cache final : public ports::source_cache {
public:
  explicit folder_cache(std::shared_ptr<cache_folder> folder) : folder_(std::move(folder)) {
  }
  result<std::shared_ptr<ports::cached_source>> open(const std::string& key, uint64_t size) override {
    return folder_->open(key, size);
  }
  result<void> make_room(uint64_t bytes) override {
    return folder_->make_room(bytes);
  }
  void drop(const std::string& key) override {
    folder_->drop(key);
  }

private:
  std::shared_ptr<cache_folder> folder_;
};

} // namespace

result<std::unique_ptr<ports::source_cache>> open_source_cache(const source_cache_options& options) {
  auto folder = std::make_shared<cache_folder>(options);
  TROUPE_TRY(folder->load());
  return std::unique_ptr<ports::source_cache>{std::make_unique<folder_cache>(std::move(folder))};
}

} // namespace troupe::host

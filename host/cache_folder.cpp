#include "host/cache_folder.hpp"

#include "host/cache_map.hpp"
#include "host/held_source.hpp"
#include "host/posix.hpp"
#include "host/system_error.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace troupe::host {

namespace {

const std::string fresh_map_suffix = std::string{cache_map_suffix} + std::string{fresh_suffix};
constexpr size_t stem_size = 32;
constexpr uint64_t block = 512;
/// How long one waits for another to write down what it lets go.
constexpr std::chrono::seconds longest_sync{30};
/// Of a small disk no more is kept free than this part.
constexpr uint64_t least_share_of_disk = 16;

uint64_t allocated_by(int fd) {
  struct stat facts {};
  return ::fstat(fd, &facts) == 0 ? static_cast<uint64_t>(facts.st_blocks) * block : 0;
}

/// Our files' names: 32 hexadecimal digits and one of the suffixes.
bool is_stem(std::string_view text) {
  return text.size() == stem_size && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

} // namespace

cache_folder::cache_folder(source_cache_options options) : options_(std::move(options)) {
  if (!options_.sync)
    options_.sync = [](int fd) { return ::fdatasync(fd); };
}

result<void> cache_folder::open_itself() {
  if (!options_.opened) {
    TROUPE_TRY(disk_.make_folders(options_.folder));
    options_.opened = unique_fd{::open(options_.folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  }
  if (!options_.opened)
    return system_error(errno, "open the folder", options_.folder);
  entry_ = "/proc/self/fd/" + std::to_string(options_.opened.get());
  return {};
}

error cache_folder::named(error why) const {
  for (auto at = why.message.find(entry_ + "/"); at != std::string::npos; at = why.message.find(entry_ + "/", at)) {
    why.message.replace(at, entry_.size(), options_.folder);
    at += options_.folder.size();
  }
  return why;
}

error cache_folder::told(error why) const {
  const bool of_the_folder = why.code == errc::not_found || why.code == errc::forbidden;
  why = named(std::move(why));
  if (!of_the_folder)
    return why;
  return {errc::io, "the cache of other nodes' files in " + options_.folder + " can't be used (" + why.message
                      + "): see whether the folder is still there and this user may write in it, and start the node "
                        "again"};
}

result<void> cache_folder::load() {
  TROUPE_TRY(open_itself());
  auto loaded = load_all();
  return loaded ? loaded : result<void>{named(std::move(loaded).error())};
}

result<void> cache_folder::load_all() {
  auto names = disk_.list(entry_ + "/.");
  if (!names)
    return std::move(names).error();
  std::vector<std::string> stems;
  for (auto& name : *names) {
    auto stem = name.substr(0, stem_size);
    auto suffix = name.substr(stem.size());
    if (is_stem(stem) && (suffix == cache_data_suffix || suffix == cache_map_suffix || suffix == fresh_map_suffix))
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
  return evict_for(0);
}

result<void> cache_folder::load_one(const std::string& stem, std::vector<std::pair<timespec, std::string>>& order) {
  struct stat map_facts {};
  struct stat facts {};
  auto map = read_cache_map(path(stem, cache_map_suffix), map_facts);
  bool good = map && xxh128_of(map->key) == stem && ::lstat(path(stem, cache_data_suffix).c_str(), &facts) == 0
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
  TROUPE_TRY(evict_for(options_.max_bytes == 0 ? 0 : 1));
  auto fd = create(stem, size);
  if (!fd)
    return std::move(fd).error();
  auto& fresh = entries_[stem];
  fresh.size = size;
  return std::shared_ptr<ports::cached_source>{hold(stem, key, fresh, std::move(*fd), {})};
}

result<std::shared_ptr<ports::cached_source>> cache_folder::open_known(const std::string& stem, entry& known) {
  struct stat facts {};
  auto map = read_cache_map(path(stem, cache_map_suffix), facts);
  if (!map)
    return std::move(map).error();
  auto data = path(stem, cache_data_suffix);
  unique_fd fd{::open(data.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC)};
  if (!fd || ::fstat(fd.get(), &facts) != 0)
    return system_error(errno, "open", data);
  if (static_cast<uint64_t>(facts.st_size) != known.size)
    return {errc::io, data + " has another size than its map says"};
  // The order of use, for the next process.
  ::utimensat(AT_FDCWD, path(stem, cache_map_suffix).c_str(), nullptr, 0);
  return std::shared_ptr<ports::cached_source>{hold(stem, map->key, known, std::move(fd), std::move(map->present))};
}

result<unique_fd> cache_folder::create(const std::string& stem, uint64_t size) {
  for (;;) {
    auto fd = create_once(stem, size);
    if (fd || fd.error().code != errc::storage_full)
      return fd;
    auto freed = evict(1);
    if (!freed || *freed == 0)
      return fd;
  }
}

result<unique_fd> cache_folder::create_once(const std::string& stem, uint64_t size) {
  // An older map of this name must be gone for good before there is data that it could be taken to speak of.
  TROUPE_TRY(sync_folder(entry_ + "/."));
  auto fd = disk_.create(path(stem, cache_data_suffix));
  if (fd && ::ftruncate(fd->get(), static_cast<off_t>(size)) != 0) {
    auto why = system_error(errno, "make", path(stem, cache_data_suffix));
    ::unlink(path(stem, cache_data_suffix).c_str());
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
  ::utimensat(AT_FDCWD, path(who.stem(), cache_map_suffix).c_str(), nullptr, 0);
  // What was fetched while it was held may be too much now. Who asks for room next is told when it does not help.
  (void)evict_for(0);
}

void cache_folder::lose(held_source& who) {
  std::lock_guard guard{mutex_};
  auto known = entries_.find(who.stem());
  if (known == entries_.end() || known->second.held != &who)
    return;
  dropped_.push_back(&who);
  entries_.erase(known);
  free_.notify_all();
  // An older map is of bytes that were synced then; without its data nobody believes it.
  (void)forget(who.stem());
  ::unlink(path(who.stem(), cache_data_suffix).c_str());
}

result<void> cache_folder::make_room(uint64_t bytes) {
  std::lock_guard guard{mutex_};
  if (bytes > options_.max_bytes)
    return {errc::storage_full, "the cache of other nodes' files may hold " + std::to_string(options_.max_bytes)
                                  + " bytes, fewer than the " + std::to_string(bytes) + " that are needed at once"};
  return evict_for(bytes);
}

result<void> cache_folder::disk_full(uint64_t bytes) {
  std::lock_guard guard{mutex_};
  auto freed = evict(std::max<uint64_t>(bytes, 1));
  if (!freed)
    return std::move(freed).error();
  if (*freed == 0)
    return {errc::storage_full, "the disk of " + options_.folder
                                  + " is full, and nothing is left there of other nodes' "
                                    "files that could go; make room on it"};
  return {};
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
  ::unlink(path(stem, cache_data_suffix).c_str());
}

result<void> cache_folder::forget(const std::string& stem) {
  // For good: data that is thrown away must not come back after a power cut, nor a map without it.
  for (std::string_view suffix : {std::string_view{fresh_map_suffix}, cache_map_suffix})
    if (::unlink(path(stem, suffix).c_str()) != 0 && errno != ENOENT)
      return system_error(errno, "remove", path(stem, suffix));
  TROUPE_TRY(sync_folder(entry_ + "/."));
  if (::unlink(path(stem, cache_data_suffix).c_str()) != 0 && errno != ENOENT)
    return system_error(errno, "remove", path(stem, cache_data_suffix));
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

result<uint64_t> cache_folder::shortage(uint64_t further) const {
  auto space = options_.space ? options_.space(options_.folder) : disk_.space(entry_ + "/.");
  if (!space)
    return std::move(space).error();
  const auto wanted = further + std::min(options_.reserve_bytes, space->total / least_share_of_disk);
  return wanted - std::min(wanted, space->available);
}

result<void> cache_folder::evict_for(uint64_t further) {
  const auto now = allocated();
  const auto most = options_.max_bytes - std::min(further, options_.max_bytes);
  const auto excess = now - std::min(now, most);
  auto missing = shortage(further);
  if (!missing)
    return std::move(missing).error();
  auto freed = evict(std::max(excess, *missing));
  if (!freed)
    return std::move(freed).error();
  if (*freed < excess)
    return {errc::storage_full, "the cache of other nodes' files is full of what is in use: give it more room, or the "
                                "node fewer slots"};
  // The reserve is for others: where nothing more can go, what is left of it is used.
  return {};
}

result<uint64_t> cache_folder::evict(uint64_t bytes) {
  uint64_t freed = 0;
  while (freed < bytes) {
    auto oldest = entries_.end();
    for (auto i = entries_.begin(); i != entries_.end(); ++i)
      if (!i->second.held && (oldest == entries_.end() || i->second.last_used < oldest->second.last_used))
        oldest = i;
    if (oldest == entries_.end())
      break;
    freed += oldest->second.allocated;
    auto stem = oldest->first;
    entries_.erase(oldest);
    TROUPE_TRY(forget(stem));
  }
  return freed;
}

} // namespace troupe::host

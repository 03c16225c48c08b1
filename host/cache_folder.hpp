#pragma once

// The folder of a source cache and what is in it. Only source_cache.cpp and held_source.cpp include this.

#include "host/files.hpp"
#include "host/source_cache.hpp"

#include <condition_variable>
#include <ctime>
#include <map>
#include <mutex>

namespace troupe::host {

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

inline constexpr std::string_view cache_data_suffix = ".data";
inline constexpr std::string_view cache_map_suffix = ".map";

/// The folder and what is in it. `mutex` holds everything; a source keeps the folder alive.
class cache_folder : public std::enable_shared_from_this<cache_folder> {
public:
  explicit cache_folder(source_cache_options options);

  /// Reads what an earlier process has left.
  result<void> load();
  result<std::shared_ptr<ports::cached_source>> open(const std::string& key, uint64_t size);
  result<void> make_room(uint64_t bytes);
  result<void> disk_full(uint64_t bytes);
  void drop(const std::string& key);

  const source_cache_options& options() const noexcept {
    return options_;
  }
  std::string path(const std::string& stem, std::string_view suffix) const {
    return entry_ + "/" + stem + std::string{suffix};
  }
  /// As it is told to others: with the folder's name, and never as if it were said of the file that is kept in it.
  error told(error why) const;
  template <class T>
  result<T> told(result<T> x) const {
    return x ? std::move(x) : result<T>{told(std::move(x).error())};
  }
  /// Called by the last holder, from its destructor.
  void let_go(held_source& who);
  /// The disk has not kept its bytes: it goes, and who opens its key begins anew. The holder writes nothing any more.
  void lose(held_source& who);

private:
  result<void> open_itself();
  result<void> load_all();
  /// Names the folder as people do.
  error named(error why) const;
  result<void> load_one(const std::string& stem, std::vector<std::pair<timespec, std::string>>& order);
  /// Map first: data without a map is nothing.
  result<void> forget(const std::string& stem);
  /// Makes room for so many further bytes, both of the cache's own and on the disk.
  result<void> evict_for(uint64_t further);
  /// How much less is free on the disk than there should be with so many bytes more.
  result<uint64_t> shortage(uint64_t further) const;
  /// Least recently used first, until so many bytes are freed or all are held: how many there were.
  result<uint64_t> evict(uint64_t bytes);
  uint64_t allocated() const;
  result<std::shared_ptr<ports::cached_source>> open_known(const std::string& stem, entry& known);
  result<unique_fd> create(const std::string& stem, uint64_t size);
  result<unique_fd> create_once(const std::string& stem, uint64_t size);
  std::shared_ptr<held_source> hold(const std::string& stem, const std::string& key, entry& what, unique_fd fd,
                                    std::vector<byte_span> present);

  source_cache_options options_;
  /// What the kernel calls the open folder (`options_.opened`).
  std::string entry_;
  mutable files disk_;
  mutable std::mutex mutex_;
  /// An entry has lost its holder.
  std::condition_variable free_;
  std::map<std::string, entry> entries_;
  /// Held by somebody, but no longer what its key means.
  std::vector<held_source*> dropped_;
  uint64_t uses_ = 0;
};

} // namespace troupe::host

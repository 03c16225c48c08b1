#pragma once

// Files that are open for sending. A file asked for again within a moment (a player's next range) is not opened again.

#include "net/message.hpp"

#include "protocol/model/result.hpp"
#include "protocol/ports/backend.hpp"
#include "protocol/ports/fd.hpp"

#include <chrono>
#include <ctime>
#include <mutex>
#include <unordered_map>

namespace troupe::net {

struct shared_file {
  /// Of a file of this node.
  std::shared_ptr<const unique_fd> here;
  /// Of another one, instead.
  std::shared_ptr<ports::far_file> far;
  uint64_t size = 0;
  std::time_t modified = 0;
  /// Strong, from size, mtime and inode.
  std::string etag;
};

/// A file wherever it is. One of another node is not asked for here: whether its bytes can be had shows when the first
/// of them are sent.
shared_file_ptr share(const ports::located_file& where);

/// What a stream or thumbnail request resolved to.
struct served_file {
  shared_file_ptr file;
  /// A literal: answers refer to it for longer than this entry may live.
  std::string_view content_type;
  /// For Content-Disposition.
  std::string name;
};

/// Any thread.
class file_cache {
public:
  /// An entry is used for this long at most, so that a removed video is gone soon.
  static constexpr std::chrono::seconds lifetime{2};
  static constexpr size_t capacity = 128;

  std::shared_ptr<const served_file> find(const std::string& key);
  void put(std::string key, std::shared_ptr<const served_file> what);
  /// Closes what has expired and drops `prefix`'s entries (a video was removed).
  void forget(std::string_view prefix);

private:
  struct entry {
    std::shared_ptr<const served_file> what;
    std::chrono::steady_clock::time_point until;
  };
  void drop_expired(std::chrono::steady_clock::time_point now);

  std::mutex mutex_;
  std::unordered_map<std::string, entry> entries_;
};

} // namespace troupe::net

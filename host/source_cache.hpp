#pragma once

#include "protocol/ports/files.hpp"
#include "protocol/ports/source_cache.hpp"

#include <functional>
#include <memory>

namespace troupe::host {

struct source_cache_options {
  /// Absolute; made if it is missing. One process at a time: it belongs to a data folder, which is locked. It is held
  /// open: what is mounted over it later, or takes its name, is not touched.
  std::string folder;
  /// Allocated bytes of all files together (a file with holes takes what it holds).
  uint64_t max_bytes = 0;
  /// The map of a file is written after so many bytes of marks, and when it is let go.
  uint64_t bytes_a_map = 64ull << 20U;
  /// So much should stay free on the folder's disk, for others and for what is made of these files; of a small disk a
  /// sixteenth. For it goes what nobody holds; what somebody needs may use it.
  uint64_t reserve_bytes = 0;
  /// For tests; empty: statvfs and fdatasync (0, or -1 with errno).
  std::function<result<ports::disk_space>(const std::string& folder)> space{};
  std::function<int(int fd)> sync{};
  /// `folder`, opened already (O_PATH is enough), for who has locked it by way of that; empty: it is opened here.
  unique_fd opened{};
};

/// ports::source_cache in a folder. A key's file is "<xxh128 of the key>.data", with holes where nothing was fetched
/// yet; "<…>.map" says what is there. A map is written beside and renamed, after the data that it speaks of was synced,
/// and goes before its data: a map that survives a crash is true. What is left of a crash, and damaged maps with their
/// data, are removed at opening; other names are left alone. A file that the disk could not sync is thrown away. Least
/// recently used (opened or let go) goes first; a map's modification time keeps the order over a restart. The cache may
/// go before what it has opened. A folder that was removed, or may not be written any more, is errc::io with its name:
/// it says nothing of the files that are kept in it.
result<std::unique_ptr<ports::source_cache>> open_source_cache(source_cache_options options);

} // namespace troupe::host

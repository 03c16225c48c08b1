#pragma once

// What a source cache writes down of each of its files, as text.

#include "protocol/model/byte_spans.hpp"
#include "protocol/model/result.hpp"

#include <string>
#include <sys/stat.h>
#include <vector>

namespace troupe::host {

struct cache_map {
  std::string key;
  uint64_t size = 0;
  /// In order, no two touching.
  std::vector<byte_span> present;

  bool operator==(const cache_map&) const = default;
};

/// XXH128 of the text, 32 hexadecimal digits.
std::string xxh128_of(std::string_view text);

/// Ends with a checksum of all before.
std::string encode(const cache_map& x);
/// errc::io for anything but the whole of what encode() makes.
result<cache_map> decode_cache_map(std::string_view text);

/// What a map is called while it is written.
inline constexpr std::string_view fresh_suffix = ".new";
/// Writes beside, syncs, renames over, syncs the folder. What it speaks of must be on the disk already.
result<void> write_cache_map(const std::string& path, const cache_map& x);
/// With what fstat says of the map's file.
result<cache_map> read_cache_map(const std::string& path, struct stat& facts);

} // namespace troupe::host

#pragma once

#include "media/source_file.hpp"

#include <optional>
#include <set>
#include <vector>

namespace troupe::media {

/// What of a Matroska file leads to its blocks.
struct matroska_map {
  /// Numbers of the tracks of pictures.
  std::set<uint64_t> video;
  /// Where clusters begin that the cues name, rising; the others lie between.
  std::vector<uint64_t> clusters;
  uint64_t size = 0;
};

/// Reads what stands before the first cluster, and the cues. Nothing when the file has none, names no cluster, or is
/// not what it should be: then it has to be read from end to end. Errors: as source_file::read.
result<std::optional<matroska_map>> read_matroska_map(const source_file& source);

/// All of these bytes, which the file has to have.
result<std::vector<uint8_t>> read_bytes(const source_file& source, uint64_t offset, uint64_t size);

} // namespace troupe::media

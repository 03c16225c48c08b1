#pragma once

#include "media/ebml.hpp"
#include "media/matroska_map.hpp"
#include "protocol/model/byte_spans.hpp"

namespace troupe::media {

/// Reads a Matroska file that is only partly here without its pictures: in their place come zeros, which its demuxer
/// throws away. A block can be found only from the one before it, so several clusters are gone through at once, before
/// libav comes to them: what is needed of all of them is asked for together. One thread.
class matroska_sieve {
public:
  matroska_sieve(source_file source, matroska_map map);

  /// Bytes from `offset` on, at least one unless it is the end. Errors: as source_file::read.
  result<size_t> read(void* out, size_t size, uint64_t offset);

private:
  /// Goes from block to block through a part of the file.
  struct walker {
    /// What is to be read next, and where in it the next element begins.
    uint64_t at = 0;
    uint64_t want = 0;
    uint64_t element = 0;
    uint64_t end = 0;
    bool done = false;
  };

  result<void> prepare(uint64_t offset);
  result<void> walk(std::vector<walker> walkers);
  result<void> step(walker& w);
  /// Takes the elements that are in `bytes`.
  void take(walker& w, const std::vector<uint8_t>& bytes);
  bool is_picture(const ebml_element& e, const std::vector<uint8_t>& bytes, uint64_t at, uint64_t& payload) const;
  void skip(walker& w, uint64_t payload, uint64_t end);

  source_file source_;
  matroska_map map_;
  /// Of `map_.clusters`: those before it were gone through.
  size_t next_ = 0;
  /// Where the clusters begin that were not gone through.
  uint64_t prepared_ = 0;
  /// Pictures of the clusters that were.
  byte_spans pictures_;
  /// What usually stands between two pictures, bytes.
  uint64_t between_ = 1024;
};

} // namespace troupe::media

#pragma once

// One film encoded in pieces. The order of things: plan_chunks cuts the film at keyframes of its video; encode_chunk
// makes one piece of each chunk, anywhere and in any order; encode_audio makes all but the video in one piece; join
// puts them into one file. Times are whole units of a time base, never rounded seconds: every frame belongs to exactly
// one chunk.

#include <cstdint>
#include <string>
#include <vector>

namespace troupe {

/// More chunks than this are never made: join takes a descriptor for each piece.
inline constexpr uint32_t max_chunks = 200;

/// How a film should be cut. Chunks begin at keyframes, so all of this is aimed at, not kept.
struct chunk_wishes {
  /// So many chunks of about the same length; 0: as long as `seconds` says.
  uint32_t count = 0;
  double seconds = 60;
  /// No chunk is shorter, except a film that is.
  double min_seconds = 2;
  /// When there are any: one chunk for each, long as it is among them, in this order. At most max_chunks count.
  std::vector<double> lengths{};

  bool operator==(const chunk_wishes&) const = default;
};

/// From the packet at this byte position on, so many microseconds are added to a source's timestamps.
struct time_shift {
  int64_t position = 0;
  int64_t microseconds = 0;

  bool operator==(const time_shift&) const = default;
};

/// Units of num/den seconds.
struct chunk_time_base {
  int32_t num = 0;
  int32_t den = 1;

  bool operator==(const chunk_time_base&) const = default;
};

/// The frames that are shown at `begin` or later and before `end`, on the film's own clock (which starts at 0 and has
/// no jumps). The first chunk begins at INT64_MIN and the last one ends at INT64_MAX.
struct media_chunk {
  /// The same for all chunks of one plan, different for any other.
  std::string plan;
  uint32_t index = 0;
  uint32_t count = 1;
  chunk_time_base time_base;
  int64_t begin = 0;
  int64_t end = 0;
  /// Decoding begins at this keyframe: before `begin` where filters or open groups of pictures need what comes before,
  /// else the one that is shown at `begin`. Its timestamp in the source's own clock and its byte position; where only
  /// one of them leads there, the other is -1.
  bool from_start = true;
  int64_t from_time = -1;
  int64_t from_position = -1;
  /// Leads from the source's clock to the film's, in the order of the file.
  std::vector<time_shift> shifts;

  bool operator==(const media_chunk&) const = default;
};

/// What became of a chunk. It (but its digest) is also written into the piece itself, so that join sees which piece it was given.
struct chunk_piece {
  std::string plan;
  uint32_t index = 0;
  uint32_t count = 1;
  /// 0: nothing in this chunk could be decoded, and the piece is an empty file.
  int64_t frames = 0;
  /// When the first and the last frame are shown, on the film's clock in units of `time_base`.
  int64_t first = 0;
  int64_t last = 0;
  chunk_time_base time_base;
  /// Frames that are stored before one that is shown earlier, at most.
  int32_t reorder = 0;
  /// Packets of the source in this chunk, and how many were damaged.
  int64_t packets = 0;
  int64_t damaged = 0;
  /// Hash of the encoded pictures, once all of them were read back and decoded where they were made; not in the piece
  /// itself. Empty: that was not done.
  std::string digest{};

  bool operator==(const chunk_piece&) const = default;
};

} // namespace troupe

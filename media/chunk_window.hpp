#pragma once

#include "protocol/model/chunks.hpp"

extern "C" {
#include <libavutil/rational.h>
}

#include <cstddef>

namespace troupe::media {

enum class chunk_place { before, inside, after };

/// What belongs to a chunk: which packets of the video are decoded for it, how their timestamps become the film's, and
/// which of the frames that come out of the filters are its own. Neither reads nor decodes. One thread.
class chunk_window {
public:
  /// Borrows `chunk`.
  explicit chunk_window(const media_chunk& chunk) : chunk_(&chunk), open_(chunk.from_start) {
  }

  /// Packets in the order of the file, with the source's own timestamp. False: it comes before the keyframe with which
  /// decoding begins.
  bool admits(int64_t time, int64_t position, bool key) noexcept;
  /// The keyframe with which decoding begins was passed by: reading began too late.
  bool missed() const noexcept {
    return missed_;
  }
  /// Microseconds to add to the timestamps of the packet at `position` (-1: as for the packet before).
  int64_t shift_at(int64_t position) noexcept;
  /// Where on the film's clock something at `pts`, in units of `time_base`, is.
  chunk_place place(int64_t pts, AVRational time_base) const noexcept;

private:
  const media_chunk* chunk_;
  bool open_;
  bool missed_ = false;
  size_t shift_ = 0;
};

} // namespace troupe::media

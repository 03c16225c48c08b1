#pragma once

#include "media/av.hpp"

namespace troupe::media {

/// Moves a packet's timestamps by so many microseconds.
void shift_times(AVPacket& packet, int64_t microseconds, AVRational time_base) noexcept;

/// Where the film begins on the clock of its container, microseconds. Sound before 0 that decoders throw away
/// (priming) is not counted.
int64_t film_start(const AVFormatContext& format) noexcept;

/// The film's own clock: shifts timestamps so that it begins at 0, and takes out jumps in formats that are known for
/// them (broadcast recordings). Sees the packets of all streams in the order of the file.
class timeline {
public:
  explicit timeline(const AVFormatContext& format);

  /// `time_base` is the packet's stream's.
  void apply(AVPacket& packet, AVRational time_base);
  /// What is added to timestamps at present, microseconds.
  int64_t shift() const noexcept {
    return shift_;
  }
  /// Whether the shift may change on the way, and did.
  bool may_jump() const noexcept {
    return jumps_;
  }
  bool jumped() const noexcept {
    return jumped_;
  }

private:
  bool jumps_;
  int64_t shift_;
  bool jumped_ = false;
  int64_t expected_ = AV_NOPTS_VALUE;
};

} // namespace troupe::media

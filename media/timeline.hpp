#pragma once

#include "media/av.hpp"

#include <map>

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
  /// Whether the clock ran over: then the shift alone does not place a packet.
  bool turned() const noexcept {
    return turned_;
  }
  bool jumped() const noexcept {
    return jumped_;
  }

private:
  int64_t rounds_to(int64_t now) const noexcept;
  bool is_jump(int stream, int64_t now) const noexcept;
  int64_t settle(const AVPacket& packet, int64_t now);

  bool jumps_;
  int64_t shift_;
  int64_t shift_before_;
  bool jumped_ = false;
  bool turned_ = false;
  /// The newest time, on the film's clock, of any stream and of each; microseconds.
  int64_t expected_ = AV_NOPTS_VALUE;
  std::map<int, int64_t> last_;
};

} // namespace troupe::media

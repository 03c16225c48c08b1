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
/// them (broadcast recordings). Sees the packets of all streams in the order of the file. Streams lie apart in a file,
/// so each goes over to the new clock when its own packets do.
class timeline {
public:
  explicit timeline(const AVFormatContext& format);

  /// `time_base` is the packet's stream's.
  void apply(AVPacket& packet, AVRational time_base);
  /// What is added to a stream's timestamps at present, microseconds.
  int64_t shift(int stream) const noexcept {
    auto found = streams_.find(stream);
    return found == streams_.end() ? shift_ : found->second.shift;
  }
  /// Whether jumps are usual in the format, and whether there was one.
  bool may_jump() const noexcept {
    return broadcast_;
  }
  bool jumped() const noexcept {
    return jumped_;
  }
  /// Whether the clock ran over: then the shift alone does not place a packet.
  bool turned() const noexcept {
    return turned_;
  }

private:
  struct clock {
    int64_t shift = 0;
    /// Of the newest packet, on the film's clock; microseconds.
    int64_t last = AV_NOPTS_VALUE;
    int64_t length = 0;
    /// From the packet before to it, as the container tells it.
    int64_t step = 0;
    int64_t own = AV_NOPTS_VALUE;

    int64_t next() const noexcept {
      return last + length;
    }
  };

  int64_t far() const noexcept;
  int64_t rounds_to(int64_t now) const noexcept;
  bool fits(const clock& c, int64_t now) const noexcept;
  void settle(clock& c, int64_t own);

  bool broadcast_;
  bool restarts_;
  /// The newest, and the one before.
  int64_t shift_;
  int64_t shift_before_;
  bool jumped_ = false;
  bool turned_ = false;
  /// The newest time, on the film's clock, of any stream; microseconds.
  int64_t expected_ = AV_NOPTS_VALUE;
  std::map<int, clock> streams_;
};

} // namespace troupe::media

#pragma once

#include "media/av.hpp"

namespace troupe::media {

/// What the packets of one stream of a file tell without being decoded. They come in the order of the file.
class stream_watch {
public:
  explicit stream_watch(const AVStream& stream) noexcept : unit_(av_q2d(stream.time_base)) {
  }

  void see(const AVPacket& packet) noexcept;
  /// The next packet comes from elsewhere in the file.
  void jump() noexcept {
    last_dts_ = AV_NOPTS_VALUE;
  }

  int64_t packets() const noexcept {
    return packets_;
  }
  /// Packets that are decoded before one in front of them, or after they are shown.
  int64_t disordered() const noexcept {
    return disordered_;
  }
  /// From one keyframe to the last packet before the next: packets and seconds, at most.
  int64_t longest_group() const noexcept {
    return longest_group_;
  }
  double longest_group_seconds() const noexcept {
    return longest_group_seconds_;
  }
  /// When the first of it is shown, and when the last ends, in seconds; what players cut off is not counted. Nothing
  /// was seen: begin is after end.
  double begin() const noexcept {
    return begin_;
  }
  double end() const noexcept {
    return end_;
  }

private:
  double unit_;
  int64_t packets_ = 0;
  int64_t disordered_ = 0;
  int64_t group_ = 0;
  int64_t longest_group_ = 0;
  int64_t keyframe_ = AV_NOPTS_VALUE;
  double longest_group_seconds_ = 0;
  int64_t last_dts_ = AV_NOPTS_VALUE;
  double begin_ = 1e18;
  double end_ = -1e18;
};

} // namespace troupe::media

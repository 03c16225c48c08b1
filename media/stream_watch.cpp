#include "media/stream_watch.hpp"

#include <algorithm>

namespace troupe::media {

void stream_watch::see(const AVPacket& packet) noexcept {
  ++packets_;
  const bool key = packet.flags & AV_PKT_FLAG_KEY;
  group_ = key ? 1 : group_ + 1;
  longest_group_ = std::max(longest_group_, group_);
  if (key)
    keyframe_ = packet.pts;
  if (keyframe_ != AV_NOPTS_VALUE && packet.pts != AV_NOPTS_VALUE)
    longest_group_seconds_ = std::max(longest_group_seconds_, static_cast<double>(packet.pts - keyframe_) * unit_);
  if (packet.dts != AV_NOPTS_VALUE) {
    const bool late = packet.pts != AV_NOPTS_VALUE && packet.dts > packet.pts;
    disordered_ += late || (last_dts_ != AV_NOPTS_VALUE && packet.dts <= last_dts_);
    last_dts_ = packet.dts;
  }
  if (packet.pts == AV_NOPTS_VALUE || (packet.flags & AV_PKT_FLAG_DISCARD))
    return;
  const auto from = static_cast<double>(packet.pts) * unit_;
  const auto to = static_cast<double>(packet.pts + packet.duration) * unit_;
  // Before 0 is what an encoder puts in front of the sound: players leave it out. Not every packet tells how long it
  // is.
  if (to > 0 || from >= 0)
    begin_ = std::min(begin_, std::max(from, 0.0));
  end_ = std::max(end_, to);
}

} // namespace troupe::media

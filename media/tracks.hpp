#pragma once

#include "media/input.hpp"
#include "media/muxer.hpp"
#include "media/transcode_plan.hpp"

#include <memory>

namespace troupe::media {

/// One stream's way from the source to the output. Packets go in with timestamps that start at about 0, in the
/// source's time base; what comes out goes to the muxer. One thread.
class track {
public:
  virtual ~track() = default;
  virtual result<void> take(AVPacket& packet) = 0;
  /// Flushes what is still inside.
  virtual result<void> finish() = 0;

  virtual int64_t packets() const noexcept = 0;
  virtual int64_t damaged() const noexcept = 0;
  /// Frames written; for a copied track its packets.
  virtual int64_t frames() const noexcept = 0;
};

/// Makes the track and its stream in the output. The muxer, the source and the plan must outlive it.
result<std::unique_ptr<track>> make_track(const planned_track& plan, const media_profile& profile, input& source,
                                          muxer& output);

} // namespace troupe::media

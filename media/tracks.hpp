#pragma once

#include "media/input.hpp"
#include "media/packet_writer.hpp"
#include "media/pipeline.hpp"
#include "media/transcode_plan.hpp"

#include <memory>
#include <vector>

namespace troupe::media {

/// One stream's way from the source to the output. Packets go in with timestamps that start at about 0, in the
/// source's time base; what comes out goes to a packet_writer. take and finish are called by the thread that reads the
/// source; the work is done on threads of the pipeline.
class track {
public:
  virtual ~track() = default;
  /// Called once, after all tracks are made and the output's header is written.
  virtual result<void> start(pipeline&) {
    return {};
  }
  /// Takes the packet's data over.
  virtual result<void> take(AVPacket& packet) = 0;
  /// No more comes; what is inside goes on by itself.
  virtual result<void> finish() = 0;

  // Once the pipeline has ended; frames at any time.
  virtual int64_t packets() const noexcept = 0;
  virtual int64_t damaged() const noexcept = 0;
  /// Frames that were left out, because others are shown at their time already.
  virtual int64_t dropped() const noexcept {
    return 0;
  }
  /// Frames that were written; for a copied track its packets.
  virtual int64_t frames() const noexcept = 0;
};

/// Makes the track and its stream in the output. The writer, the source and the plan must outlive it.
result<std::unique_ptr<track>> make_track(const planned_track& plan, input& source, packet_writer& output);

} // namespace troupe::media

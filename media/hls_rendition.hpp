#pragma once

#include "media/fd.hpp"
#include "media/fragment_muxer.hpp"
#include "media/hls_playlist.hpp"
#include "media/packet_writer.hpp"
#include "media/transcode_plan.hpp"

#include <memory>

namespace troupe::media {

/// One rendition on its way: a file, what writes it, and what the playlists will say of it.
struct rendition {
  hls_rendition facts;
  owned_fd file;
  std::unique_ptr<muxer> output;
  std::unique_ptr<packet_writer> writer;
  planned_track plan;

  const fragment_muxer& fragments() const {
    return static_cast<const fragment_muxer&>(*output);
  }
};

/// What the playlists say of a rendition of pictures or sound whose file is finished. internal when the file does not
/// hold what was written.
result<void> describe(rendition& r, double segment_seconds);

/// Reads such a file back. `source`: all that is known of the film. Errors as verify's, and internal for what it finds.
result<void> check(const rendition& r, const media_profile& profile, const media_info& source, const task& job);

} // namespace troupe::media

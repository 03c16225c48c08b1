#pragma once

#include "media/encoder.hpp"
#include "media/input.hpp"
#include "protocol/model/media.hpp"

#include <cstdint>
#include <string>

namespace troupe::media {

/// Comes before the filters of a video whose frames are interlaced.
inline constexpr const char* deinterlace_filter = "bwdif=mode=send_frame:deint=interlaced,";

struct video_filters {
  /// Turn upright, fit into the box in square pixels with even sides, tone-map when HDR does not stay, 4:2:0.
  std::string chain;
  color_description colors;
  bool hdr = false;
};

/// `max_width`, `max_height`: 0 for no limit. `codec`: the encoder that gets the frames.
video_filters make_video_filters(input& source, AVStream& stream, const media_profile& profile, uint32_t max_width,
                                 uint32_t max_height, const AVCodec& codec);

/// Gaps and drifts of the timestamps become silence or a slight stretch; then the loudness, and the encoder's own
/// format. `gain` in dB, applied with a limit on peaks when it is not 0.
std::string make_audio_filters(const AVCodecParameters& par, const AVCodec& codec, uint32_t max_channels, double gain);

/// Channels that the filters leave of a track.
int output_channels(const AVCodecParameters& par, uint32_t max_channels) noexcept;

/// Whether pictures of that field order may need deinterlacing.
bool interlaced(AVFieldOrder order) noexcept;

/// Perceptual quantizer or hybrid log-gamma.
bool is_hdr(const AVCodecParameters& par) noexcept;

} // namespace troupe::media

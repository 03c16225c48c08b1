#pragma once

#include "media/encoder.hpp"
#include "media/input.hpp"
#include "protocol/model/media.hpp"

#include <cstdint>
#include <string>

namespace troupe::media {

/// Comes before the filters of a video whose frames are interlaced.
inline constexpr const char* deinterlace_filter = "bwdif=mode=send_frame:deint=interlaced,";

/// How pictures are brought into the output's frame.
struct picture_fit {
  /// Filters that turn the picture upright, and whether they exchange width and height.
  std::string upright;
  bool swaps = false;
  /// The output's frame, square pixels.
  int width = 0;
  int height = 0;
  /// Options of libswscale, and what comes behind the scaler: tone mapping, the encoder's format.
  std::string scaling;
  std::string rest;
  AVPixelFormat format = AV_PIX_FMT_NONE;
};

/// The filters for pictures of that format, size and sample aspect: turned, scaled into the frame, with black beside
/// them where they are of another shape.
std::string fit_filters(const picture_fit& fit, AVPixelFormat format, int width, int height, AVRational aspect);

struct video_filters {
  picture_fit fit;
  /// The filters for the pictures that the header promises.
  std::string chain;
  color_description colors;
  bool hdr = false;
};

/// Turn upright, fit into the box in square pixels with even sides, tone-map when HDR does not stay, 4:2:0.
/// `max_width`, `max_height`: 0 for no limit. `codec`: the encoder that gets the frames. Of an HDR film the first
/// picture is decoded: static metadata that stands in it alone is written to `stream`. Errors: cancelled, io,
/// unavailable.
result<video_filters> make_video_filters(input& source, AVStream& stream, const media_profile& profile,
                                         uint32_t max_width, uint32_t max_height, const AVCodec& codec);

/// Whether pictures of that field order may need deinterlacing.
bool interlaced(AVFieldOrder order) noexcept;

/// Perceptual quantizer or hybrid log-gamma.
bool is_hdr(const AVCodecParameters& par) noexcept;

} // namespace troupe::media

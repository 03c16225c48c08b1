#pragma once

#include "media/filter_graph.hpp"
#include "media/frame_score.hpp"
#include "media/orientation.hpp"
#include "media/scaler.hpp"

#include <optional>

namespace troupe::media {

struct picture_size {
  int width = 0;
  int height = 0;
};

/// Width and height as shown: square pixels, upright; at least 1.
void shown_size(int width, int height, AVRational sample_aspect, bool swaps, double& shown_width, double& shown_height);

/// Makes pictures for people of the frames of one stream: upright, in square pixels, HDR brought down to SDR, 4:2:0 of
/// full range with the matrix of BT.601 (what JPEG has). Keeps what it set up: frames of one kind cost it once.
/// One thread. `source` and `stream` outlive it.
class picture_maker {
public:
  picture_maker(AVFormatContext* source, AVStream& stream);

  /// The size at a width of `width` pixels at most, never wider than the picture is; at least 1x1, at most 16384 high.
  picture_size size_at(const AVFrame& frame, uint32_t width) const;
  result<av::frame> make(const AVFrame& frame, picture_size size);
  /// The frame, not turned, as it is judged (frame_score).
  result<small_picture> make_small(const AVFrame& frame);

private:
  result<av::frame> to_sdr(const AVFrame& frame, picture_size size);

  AVFormatContext* source_;
  AVStream& stream_;
  orientation turn_;
  scaler first_;
  scaler second_;
  scaler small_;
  std::optional<filter_graph> tone_map_;
};

/// A smaller copy of what `picture_maker` or this function made.
result<av::frame> smaller_picture(const AVFrame& picture, picture_size size);

} // namespace troupe::media

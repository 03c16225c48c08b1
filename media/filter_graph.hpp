#pragma once

#include "media/av.hpp"
#include "media/decoder.hpp"

#include <string>

namespace troupe::media {

/// A chain of filters in libavfilter's text form with one input and one output. The input is described by the first
/// frame; a frame that differs (accepts) needs a new graph. Frames come out in the order of their timestamps.
class filter_graph {
public:
  /// `time_base` is the frames', `chain` for example "scale=1280:720,format=yuv420p". The output is video or sound as
  /// `output` says (a waveform is a picture made of sound).
  static result<filter_graph> make(const AVFrame& first, AVRational time_base, AVRational frame_rate,
                                   const std::string& chain, AVMediaType output);

  bool accepts(const AVFrame& frame) const noexcept;
  /// Filters a frame, or with nullptr what is still inside; hands each result on.
  result<void> push(AVFrame* frame, const frame_sink& sink);
  /// The output's parameters, for an encoder.
  const AVFilterContext& output() const noexcept {
    return *sink_;
  }
  /// Sound leaves in frames of this many samples (an encoder's frame size).
  void set_frame_size(int samples) noexcept;

private:
  filter_graph() = default;

  av::graph graph_;
  AVFilterContext* source_ = nullptr;
  AVFilterContext* sink_ = nullptr;
  av::frame frame_;
  // The input's shape.
  int width_ = 0;
  int height_ = 0;
  int format_ = -1;
  int sample_rate_ = 0;
  int channels_ = 0;
  uint64_t layout_ = 0;
};

/// The filters that turn the pictures of a stream upright, comma separated, or an empty string; `swaps` tells whether
/// width and height change places.
std::string upright_filters(const AVStream& stream, bool& swaps);

} // namespace troupe::media

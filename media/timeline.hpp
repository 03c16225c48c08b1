#pragma once

#include "media/av.hpp"

namespace troupe::media {

/// The film's own clock: shifts timestamps so that it begins at 0, and takes out jumps in formats that are known for
/// them (broadcast recordings). Sees the packets of all streams in the order of the file.
class timeline {
public:
  explicit timeline(const AVFormatContext& format);

  /// `time_base` is the packet's stream's.
  void apply(AVPacket& packet, AVRational time_base);

private:
  bool jumps_;
  /// Microseconds.
  int64_t shift_;
  int64_t expected_ = AV_NOPTS_VALUE;
};

} // namespace troupe::media

#pragma once

#include "media/muxer.hpp"

#include <vector>

namespace troupe::media {

/// Writes one stream as fragmented mp4 (CMAF): a fragment for each group of pictures, or for about as long of sound, so
/// that a playlist can name every part of it as a range of bytes.
class fragment_muxer final : public muxer {
public:
  /// `fragment_seconds`: sound is cut after about so long; pictures at every keyframe.
  static result<std::unique_ptr<fragment_muxer>> open(int fd, double fragment_seconds, const task& job);

  result<void> write_header() override;
  result<void> write(AVPacket& packet, unsigned stream, AVRational time_base) override;
  result<void> finish() override;

  /// Where each fragment begins on the film's clock, and where the last one ends; seconds. After finish.
  const std::vector<double>& starts() const noexcept {
    return starts_;
  }
  double end() const noexcept {
    return end_;
  }
  int64_t packets() const noexcept {
    return packets_;
  }

private:
  fragment_muxer(int fd, double fragment_seconds, const std::atomic<bool>& cancelled) :
    muxer(fd, cancelled), fragment_seconds_(fragment_seconds) {
  }
  result<void> end_fragment();
  bool begins_fragment(const AVPacket& packet, double at) const;

  double fragment_seconds_;
  std::vector<double> starts_;
  double end_ = 0;
  int64_t packets_ = 0;
};

} // namespace troupe::media

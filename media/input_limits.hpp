#pragma once

// What a file may ask for (exec::limits), judged by what its headers say. Included by .cpp files of this room only.

#include "media/av.hpp"
#include "protocol/model/executor.hpp"

#include <vector>

namespace troupe::media {

/// errc::bad_media when the streams of the file ask for more than the limits, with what and how much. Reads no packet
/// and opens no decoder: called when the headers are read, and again when the first packets have told more.
result<void> check_limits(const AVFormatContext& format, const exec::limits& limits);

/// Options for each stream that avformat_find_stream_info decodes a first picture of.
class first_decode_options {
public:
  first_decode_options(const AVFormatContext& format, const exec::limits& limits);
  ~first_decode_options();
  first_decode_options(const first_decode_options&) = delete;
  first_decode_options& operator=(const first_decode_options&) = delete;

  AVDictionary** out() noexcept {
    return each_.empty() ? nullptr : each_.data();
  }

private:
  std::vector<AVDictionary*> each_;
};

/// Counts the subtitles that are read of a file.
class subtitle_meter {
public:
  explicit subtitle_meter(uint64_t most) : most_(most) {
  }
  /// False once it is more than a file may have.
  bool take(const AVStream& stream, const AVPacket& packet) noexcept;

private:
  uint64_t most_;
  uint64_t bytes_ = 0;
};

} // namespace troupe::media

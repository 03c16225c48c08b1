#pragma once

#include "media/av.hpp"
#include "media/h264_sequence.hpp"
#include "media/packet_marks.hpp"
#include "media/source_file.hpp"

#include <map>
#include <vector>

namespace troupe::media {

/// Between avformat_open_input and a whole knowledge of the streams: what does the header leave open, and what is the
/// cheapest way to learn it? avformat_find_stream_info reads packets and decodes until it knows; here it is told what
/// can be had for less, so that it finds nothing left to decode, and comes to the same answers:
///
///   H.264 in mov and mp4                          pixel format, colours, aspect, order of frames: from the sequence
///                                                  parameter set in the header instead of decoded frames
///   16-bit PCM in WAV, which may hide DTS          from the first 128 KiB instead of six rounds of all of libav's
///   other pictures                                 decoded as before, but nobody looks at them: no loop filter, no
///                                                  inverse transform
///
/// An answer that the first packets belie is withdrawn (`confirmed`): the caller then opens the file again and leaves
/// all to libav. Streams that show up only in the packets (MPEG-TS …) are libav's from the start.
class stream_completion {
public:
  /// Before avformat_open_input, with the detected format.
  static void prepare(AVFormatContext& format, const AVInputFormat& detected);

  /// After avformat_open_input. `file` is what it reads.
  stream_completion(AVFormatContext& format, const source_file& file);

  /// Of the pictures that are decoded to find out: one that is too large is refused before there is memory for it.
  void limit_pixels(int64_t most);

  /// avformat_find_stream_info with what is known.
  int find_stream_info();

  /// Looks at the first packets of the pictures: whether they agree with what was told. The context is at the packet
  /// after them then; if the file's length is still unknown nothing is read, because it is found by reading it all.
  bool confirmed();

  /// What those packets carry besides the picture, by stream.
  const std::map<unsigned, packet_marks>& marks() const noexcept {
    return marks_;
  }

private:
  void tell(unsigned index, const h264_sequence& known);
  bool agrees(unsigned index, std::span<const uint8_t> packet);
  static void apply(AVStream& stream, const h264_sequence& known);

  AVFormatContext& format_;
  std::vector<av::options> options_;
  std::map<unsigned, h264_sequence> sequences_;
  std::map<unsigned, packet_marks> marks_;
  bool plain_samples_ = true;
};

} // namespace troupe::media

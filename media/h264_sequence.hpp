#pragma once

#include "media/av.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace troupe::media {

/// What an H.264 sequence parameter set (ITU-T H.264, 7.3.2.1.1 and annex E) tells of the picture, in libav's terms.
struct h264_sequence {
  int width = 0;
  int height = 0;
  /// 1, 2, 3: 4:2:0, 4:2:2, 4:4:4.
  unsigned chroma_format = 1;
  int bit_depth = 8;
  AVRational sample_aspect{0, 1};
  bool crops_top_left = false;
  /// The colour range is told, and the other three, too.
  bool has_range = false;
  bool has_colors = false;
  bool full_range = false;
  AVColorPrimaries primaries = AVCOL_PRI_UNSPECIFIED;
  AVColorTransferCharacteristic transfer = AVCOL_TRC_UNSPECIFIED;
  AVColorSpace matrix = AVCOL_SPC_UNSPECIFIED;
  AVChromaLocation chroma_location = AVCHROMA_LOC_UNSPECIFIED;
  /// Frames that are held back for their order; none: the decoder has to find out from the frames.
  std::optional<int> reorder_frames;
};

/// Without emulation prevention (7.3.1).
std::vector<uint8_t> h264_payload(std::span<const uint8_t> nal);

/// Reads the NAL unit after its header byte. Nothing for what is damaged or out of the ordinary (4:0:0, separate colour
/// planes, different depths …): that is left to the decoder, whose judgement of such streams is its own.
std::optional<h264_sequence> read_h264_sequence(std::span<const uint8_t> nal);

} // namespace troupe::media

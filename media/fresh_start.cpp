#include "media/fresh_start.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
}

#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe::media {

namespace {

/// Bytes of the length in front of each NAL unit (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1); 0: there are none.
size_t length_bytes(const AVCodecParameters& par) noexcept {
  const size_t at = par.codec_id == AV_CODEC_ID_H264 ? 4 : 21;
  // A configuration record begins with its version.
  if (static_cast<size_t>(par.extradata_size) <= at || par.extradata[0] != 1)
    return 0;
  return (par.extradata[at] & 3U) + 1;
}

enum class slice_kind : uint8_t { none, idr, other };

slice_kind kind_of(uint8_t head, bool h264) noexcept {
  if (h264) {
    const auto type = head & 0x1F;
    return type == 5 ? slice_kind::idr : type >= 1 && type <= 4 ? slice_kind::other : slice_kind::none;
  }
  const auto type = (head >> 1) & 0x3F;
  return type == 19 || type == 20 ? slice_kind::idr : type < 32 ? slice_kind::other : slice_kind::none;
}

} // namespace

bool starts_afresh(const AVPacket& packet, const AVCodecParameters& stream) noexcept {
  const bool h264 = stream.codec_id == AV_CODEC_ID_H264;
  if (!h264 && stream.codec_id != AV_CODEC_ID_HEVC)
    return false;
  const auto prefix = length_bytes(stream);
  if (prefix == 0 || packet.size <= 0)
    return false;
  // The first slice tells; parameter sets and messages may come before it.
  auto left = std::span<const uint8_t>(packet.data, static_cast<size_t>(packet.size));
  while (left.size() > prefix) {
    uint64_t length = 0;
    for (auto byte : left.first(prefix))
      length = length << 8U | byte;
    left = left.subspan(prefix);
    if (length == 0 || length > left.size())
      return false;
    if (auto kind = kind_of(left[0], h264); kind != slice_kind::none)
      return kind == slice_kind::idr;
    left = left.subspan(length);
  }
  return false;
}

} // namespace troupe::media

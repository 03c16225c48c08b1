#pragma once

#include <cstdint>
#include <span>

namespace troupe::media {

/// What a coded picture carries besides itself, by the signatures of registered user data (ITU-T T.35).
struct packet_marks {
  /// CTA-608 or 708 in ATSC A/53 user data ("GA94").
  bool captions = false;
  /// SMPTE ST 2094-40.
  bool hdr10_plus = false;
};

/// Of H.264, HEVC, MPEG-2 and AV1 alike. Looks at the beginning, where such data stands before the picture.
packet_marks marks_of(std::span<const uint8_t> packet);

} // namespace troupe::media

#pragma once

#include "protocol/model/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::media {

/// One movie fragment (moof and mdat) of a fragmented mp4 file.
struct mp4_fragment {
  int64_t offset = 0;
  int64_t size = 0;
  /// From the beginning of the fragment to the end of its first sample: what a player reads for one keyframe.
  int64_t first_sample_end = 0;
  int64_t samples = 0;
};

struct mp4_fragments {
  /// The initialisation section (ftyp, moov): from 0.
  int64_t init_size = 0;
  /// The codec as RFC 6381 writes it ("avc1.64001f"), from the sample description; empty when it is not known here.
  std::string codec;
  std::vector<mp4_fragment> fragments;
};

/// Reads the boxes of a file that fragment_muxer wrote (ISO/IEC 14496-12). internal when they are not as expected; io.
result<mp4_fragments> read_fragments(int fd);

} // namespace troupe::media

#pragma once

// Where packets stand in a file, for containers that tell it before the packets are read (MP4 and QuickTime with a
// sample table for the whole film).

#include "media/av.hpp"
#include "protocol/model/byte_spans.hpp"

#include <vector>

namespace troupe::media {

/// Whether the container of an open file tells where all packets of its streams stand.
bool knows_places(const AVFormatContext& format) noexcept;

/// The bytes of the streams that are read (AVStream::discard), in the order of the file and within its `size`; what
/// lies between two of them by a few bytes only is taken with them. Empty when that is not known, or nothing is left
/// out. Sample tables lie: these are where the demuxer is going to look, not where packets are.
std::vector<byte_span> chosen_places(const AVFormatContext& format, uint64_t size);

} // namespace troupe::media

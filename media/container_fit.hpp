#pragma once

#include "media/av.hpp"

namespace troupe::media {

/// Whether libav's muxer for that container takes such a stream.
bool container_holds(const AVOutputFormat& container, const AVCodecParameters& stream);

} // namespace troupe::media

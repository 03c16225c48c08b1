#pragma once

#include "media/av.hpp"
#include "protocol/model/media.hpp"

namespace troupe::media {

/// What lies beside a stream's packets: display matrix and rotation, HDR, Dolby Vision in fields of their own, the rest
/// in `side_data` under ffprobe's names.
void side_data_facts(media_stream& out, const AVStream& stream);

} // namespace troupe::media

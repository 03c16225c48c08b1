#pragma once

#include "media/decoder.hpp"

namespace troupe::media {

/// Fills a gap in sound with silence, in frames of a second: libswresample makes one of any length in one piece, which
/// for an hour is more memory than there is, and then places all that follows wrongly.
/// `f` is the first frame behind the gap, `from` where the gap begins in the same time base. Gaps that it can deal with
/// are left to it.
result<void> fill_gap(const AVFrame& f, int64_t from, AVRational time_base, const frame_sink& next);

} // namespace troupe::media

#pragma once

#include "media/task.hpp"
#include "protocol/model/result.hpp"

#include <string>
#include <vector>

namespace troupe::media {

/// Writes a JPEG of a telling frame, turned and in square pixels, to each of `outputs` (borrowed, truncated first),
/// scaled to the width at the same place, never up. Sound with a cover gives the cover; without one, its waveform.
/// Errors: bad_media when nothing can be decoded, validation for widths outside 16 to 4096, storage_full, io,
/// cancelled.
result<exec::thumbnail_answer> thumbnail(int source, const std::string& name_hint, const std::vector<uint32_t>& widths,
                                         const std::vector<int>& outputs, const task& job);

} // namespace troupe::media

#pragma once

#include "media/task.hpp"
#include "protocol/model/result.hpp"

#include <string>
#include <vector>

namespace troupe::media {

/// Writes a telling frame of a film, upright, in square pixels and in SDR, to each of `outputs` (borrowed, truncated
/// first) in the format and at most at the width of the picture at the same place, never scaled up. Sound with a cover
/// gives the cover; without one, its waveform. The same file gives the same pictures.
/// Errors: bad_media when nothing can be decoded, validation for no pictures or widths outside 16 to 4096,
/// storage_full, io, cancelled.
result<exec::thumbnail_answer> thumbnail(source_file source, const std::string& name_hint,
                                         const std::vector<exec::picture_request>& pictures,
                                         const std::vector<int>& outputs, const task& job);

} // namespace troupe::media

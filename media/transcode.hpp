#pragma once

#include "media/task.hpp"
#include "protocol/model/result.hpp"

namespace troupe::media {

/// Makes `request.profile` of the file behind `source` in the file behind `output` (both borrowed; the output is
/// emptied first and synced last). Errors: bad_media (nothing usable, too damaged, cut off), unprocessable (the profile
/// can't hold a stream, or names an unknown codec), storage_full, io, unavailable, cancelled. After an error the output
/// holds rubbish.
result<exec::transcode_answer> transcode(source_file source, int output, const exec::request& request, const task& job);

} // namespace troupe::media

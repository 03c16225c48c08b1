#pragma once

#include "media/task.hpp"
#include "protocol/model/result.hpp"

#include <string>

namespace troupe::media {

/// Makes sprite sheets of a film from its keyframes, and what was asked for beside them; every file is asked for by
/// `job.create`. Two threads where a second one helps. A moment of which nothing can be decoded shows the one before.
/// Errors: validation for sizes and intervals out of range, bad_media when there is no video or nothing of it can be
/// decoded, what `create` says, storage_full, io, cancelled.
result<exec::storyboard_answer> storyboard(source_file source, const std::string& name_hint,
                                           const exec::storyboard_request& asked, const task& job);

} // namespace troupe::media

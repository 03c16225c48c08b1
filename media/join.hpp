#pragma once

#include "media/task.hpp"
#include "protocol/model/result.hpp"

#include <span>

namespace troupe::media {

/// Puts the pieces of a film together without encoding anything: `request.pieces` in the order of the film, behind
/// `pieces`, and what encode_audio made behind `audio` (-1: there is none). The result in `output` has the frames and
/// timestamps that a transcode of the whole has; title, languages and chapters come from `source`. All descriptors are
/// borrowed; the output is emptied first and synced last.
/// Errors: unprocessable naming the piece that is missing, in the wrong place, damaged or of another plan or encoder
/// (encode that one again); bad_media when too much of the source was damaged; storage_full, io, unavailable,
/// cancelled.
result<exec::transcode_answer> join(source_file source, int output, int audio, std::span<const int> pieces,
                                    const exec::request& request, const task& job);

} // namespace troupe::media

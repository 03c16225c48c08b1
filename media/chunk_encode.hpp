#pragma once

#include "media/task.hpp"
#include "protocol/model/result.hpp"

namespace troupe::media {

/// Encodes the video of `request.chunk` of the file behind `source`, as `request.profile` says, into a piece in the
/// file behind `piece` (both borrowed; the piece is emptied first and synced last). A piece is an mp4 file of its own
/// whose clock begins with its first frame; nothing in it refers to another piece, and it says itself which chunk it
/// is. It has been read back (piece_reader::check). Damage is counted, not judged: join sees the whole. Errors: as
/// transcode's, and unprocessable when the chunk was not planned for this source.
result<exec::encode_chunk_answer> encode_chunk(source_file source, int piece, const exec::request& request,
                                               const task& job);

/// Makes all but the video of `request.profile`, in one piece: sound that begins anew at each edge would be heard.
/// Its timestamps are those of a transcode of the whole. `nothing` in the answer: nothing is left, and nothing was
/// written. Errors: as transcode's.
result<exec::transcode_answer> encode_audio(source_file source, int output, const exec::request& request,
                                            const task& job);

} // namespace troupe::media

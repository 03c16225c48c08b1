#pragma once

#include "media/task.hpp"
#include "protocol/model/result.hpp"

namespace troupe::media {

/// Is the file behind `fd` what `request.profile` makes of `request.source`? Kinds and counts of streams, duration,
/// timestamps, readable and decodable to the end (`request.full`; else at the beginning, the middle and the end), moov
/// before mdat. Pictures joined from `request.pieces` that were decoded where they were made are compared with those by
/// their hashes, and decoded only where one piece follows on another. A file that fails is an answer with reasons; an
/// error only says that it could not be found out (io, cancelled, unavailable).
result<exec::verify_answer> verify(int fd, const exec::request& request, const task& job);

} // namespace troupe::media

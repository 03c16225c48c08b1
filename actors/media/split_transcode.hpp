#pragma once

// One film on several nodes: the transcode's first attempt cuts it and hands the parts to child jobs (encode_chunk,
// encode_audio); when they have ended, its next attempt joins what they made, verifies and publishes it.

#include "actors/media/chunk_sizes.hpp"
#include "actors/media/rendition_file.hpp"

namespace troupe::work {

using whole_function = result<std::string> (*)(attempt& a, const workshop& shop, const rendition_order& order);

/// True: the attempt is handed on to child jobs. False: the film is better made in one piece.
result<bool> split_up(attempt& a, const workshop& shop, const rendition_order& order);

/// Goes on when the parts have ended. Parts that are lost are made again, alone; so is a piece that is damaged, once.
/// Where a part failed for good, or the source is another one by now, all of it is made in one piece by `whole`.
result<std::string> join_parts(attempt& a, const workshop& shop, const rendition_order& order, whole_function whole);

/// The parts: jobs of kind encode_chunk and encode_audio. The result is a piece_result (chunk_payloads.hpp).
result<std::string> encode_chunk(attempt& a, const workshop& shop);
result<std::string> encode_audio(attempt& a, const workshop& shop);

} // namespace troupe::work

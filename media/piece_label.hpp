#pragma once

#include "media/av.hpp"
#include "protocol/model/chunks.hpp"
#include "protocol/model/media.hpp"

#include <optional>

namespace troupe::media {

/// The container of a piece, whatever the film's will be: exact times for every codec, and unreadable when cut short.
const media_profile& piece_profile();

/// Writes into the file's own tags which piece it is; its digest is not known by then.
void write_label(AVFormatContext& format, chunk_piece piece);
/// Nothing when the file has no such label.
std::optional<chunk_piece> read_label(const AVFormatContext& format);

} // namespace troupe::media

#pragma once

#include "protocol/model/result.hpp"

#include <string>
#include <string_view>

namespace troupe::media {

/// The text of a libav error code.
std::string av_text(int code);

/// The error for a libav code, by what a caller can do about it: no space → storage_full, over the size limit →
/// too_large, no memory → unavailable, cancelled → cancelled, anything else → bad_media (demuxers
/// say EIO for damage; reads and writes that really failed are known to source_io and sink_io). `what`
/// says what failed ("the source can't be read").
error av_error(int code, std::string_view what);

/// The error for an errno of our own reads and writes.
error system_error(int number, std::string_view what);

error cancelled_error();

} // namespace troupe::media

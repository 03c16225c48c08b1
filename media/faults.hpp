#pragma once

#include "protocol/model/result.hpp"

#include <string>
#include <string_view>

namespace troupe::media {

/// The text of a libav error code.
std::string av_text(int code);

/// The error for a libav code, by what a caller can do about it: no space → storage_full, over the size limit →
/// too_large, EIO → io, no memory → unavailable, cancelled → cancelled, anything about the data → bad_media. `what`
/// says what failed ("the source can't be read").
error av_error(int code, std::string_view what);

/// The error for an errno of our own reads and writes.
error system_error(int number, std::string_view what);

error cancelled_error();

} // namespace troupe::media

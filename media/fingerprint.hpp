#pragma once

#include "media/source_file.hpp"

#include <string>

namespace troupe::media {

/// 32 hex digits: XXH3-128 over the size, the first and last 64 KiB and seven pieces of 16 KiB spread between (the
/// whole file when it is that small). Equal content gives equal text, wherever it is; not for security.
result<std::string> fingerprint(const source_file& file);

} // namespace troupe::media

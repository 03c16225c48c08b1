#pragma once

#include "actors/media/attempt.hpp"

namespace troupe::work {

/// A plain http(s) URL into downloads/<job>-<attempt>/<name>; the result is a download_result (payloads.hpp).
/// What has arrived is kept per job in tmp/<job>.part, and in tmp/<job>.part.state what it belongs to, so that the next
/// attempt goes on from there; both go when the download is complete or fails for good.
result<std::string> download(attempt& a, const workshop& shop);

/// A name that is safe below any folder: the last component, without control characters, leading dots or '/'; valid
/// UTF-8, at most 200 bytes; "download" when nothing is left.
std::string safe_file_name(std::string_view wanted);

} // namespace troupe::work

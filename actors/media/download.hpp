#pragma once

#include "actors/media/attempt.hpp"

namespace troupe::work {

/// A plain http(s) URL into downloads/<job>-<attempt>/<name>; the result is a download_result (payloads.hpp).
/// What has arrived is kept for the next attempt (partial_file.hpp); it goes when the download is complete or fails for
/// good, and with a job that is cancelled (the coordinator sees to that, for no attempt may be running then).
result<std::string> download(attempt& a, const workshop& shop);

/// A name that is safe below any folder: the last component, without control characters, leading dots or '/'; valid
/// UTF-8, at most 200 bytes; "download" when nothing is left.
std::string safe_file_name(std::string_view wanted);

} // namespace troupe::work

#pragma once

#include "actors/media/attempt.hpp"

namespace troupe::work {

/// probe → hls → publish as the folder renditions/<job>-<attempt> with master.m3u8, the playlists and segments of each
/// variant; the result is a transcode_result (payloads.hpp) whose file is that folder. Counters of its progress as for
/// a transcode.
result<std::string> make_hls(attempt& a, const workshop& shop);

/// Whether a master playlist (RFC 8216, 4.3.4) names only files of the list, and at least one.
result<void> check_master(std::string_view playlist, const std::vector<std::string>& files);

} // namespace troupe::work

#pragma once

// What several commands about videos and profiles use.

#include "nodes/troupe/connection.hpp"

namespace troupe::cli {

/// By id, or by words that only one title or path has; throws failure.
video_id find_video(session& s, std::string text);

/// The profiles of the node's configuration.
std::vector<media_profile> known_profiles(session& s);

/// `troupe video transcode`, `hls`, `storyboard`; and `troupe transcode`, as it was called before.
void add_make_commands(CLI::App& app, CLI::App& videos, session& s);

} // namespace troupe::cli

#pragma once

#include "actors/media/attempt.hpp"
#include "actors/media/payloads.hpp"

namespace troupe::work {

/// Parts of a transcode's progress: encoding takes nearly all of the time.
inline constexpr double encode_from = 0.02;
inline constexpr double verify_from = 0.90;
inline constexpr double publish_from = 0.98;

/// What is to be made of a film, and of which one.
struct rendition_order {
  transcode_payload asked;
  source from;
  media_info media;
};

// The last steps of a transcode, whole or joined, whose file is at `path`.

/// Reads it to its end. What is wrong with it, or ""; an error: it could not be found out. `pieces`: what it was joined
/// from.
result<std::string> verify_rendition(attempt& a, const workshop& shop, const rendition_order& order,
                                     const exec::transcode_answer& encoded, const std::string& path,
                                     std::vector<chunk_piece> pieces = {});
/// Puts it in place as renditions/<job>-<attempt>.<ext>. The job's result (transcode_result).
result<std::string> publish_rendition(attempt& a, const workshop& shop, const rendition_order& order,
                                      const exec::transcode_answer& encoded, const std::string& path);

/// Of the profile, as it may be part of a file name; errc::validation.
result<std::string> rendition_extension(const media_profile& profile);

} // namespace troupe::work

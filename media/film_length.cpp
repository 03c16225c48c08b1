#include "media/film_length.hpp"

#include "media/timeline.hpp"

#include <cstdio>

namespace troupe::media {

namespace {

/// Ending before this part of the announced duration is a source that was cut off.
constexpr double tolerated_shortness = 0.90;

} // namespace

double found_seconds(const AVFormatContext& source, const film_length& length) noexcept {
  // Where timestamps jump, the announced duration counts the jumps as film; where nothing announces one, it is a guess
  // by the rate of the first bits.
  const bool guessed =
    source.duration == AV_NOPTS_VALUE || source.duration_estimation_method == AVFMT_DURATION_FROM_BITRATE;
  // Matroska announces the end of a film that begins late, not its length.
  const double start = static_cast<double>(film_start(source)) / AV_TIME_BASE;
  const bool late = start > 1 && length.read < length.announced && length.read + start > 0.99 * length.announced;
  return guessed || late || length.jumped ? length.read : 0;
}

result<void> judge_length(const AVFormatContext& source, const film_length& length,
                          std::vector<std::string>& warnings) {
  if (length.announced < 2 || length.read > 0.99 * length.announced || found_seconds(source, length) > 0)
    return {};
  char text[160];
  std::snprintf(text, sizeof text, "the source is cut off: it ends at %.1f of %.1f seconds", length.read,
                length.announced);
  if (length.read < tolerated_shortness * length.announced)
    return {errc::bad_media, text};
  if (length.announced - length.read > 1)
    warnings.push_back(text);
  return {};
}

} // namespace troupe::media

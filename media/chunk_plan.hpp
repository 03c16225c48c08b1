#pragma once

#include "media/task.hpp"
#include "protocol/model/chunks.hpp"
#include "protocol/model/result.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace troupe::media {

/// A keyframe of the video: decoding can begin here.
struct keyframe {
  /// When it is shown, on the film's clock in the stream's time base.
  int64_t shown = 0;
  /// The same in the source's own clock, and the packet's byte position (-1: not known).
  int64_t time = 0;
  int64_t position = -1;
};

/// A place to cut: a chunk begins with `at`, and is decoded from the keyframe before that, or from `at` itself where
/// nothing before it matters (none: from the file's start).
struct cut_point {
  keyframe at;
  std::optional<keyframe> before;
};

/// When the film's frames are shown, and how long a unit is in seconds.
struct film_extent {
  int64_t begin = 0;
  int64_t end = 0;
  double unit = 1;
};

/// The first keyframe shown at `time` or later; nothing when there is none.
using keyframe_lookup = std::function<result<std::optional<cut_point>>(int64_t time)>;

/// Where to cut: at the first keyframe after each wished part of the film. Cuts rise; what they leave is at least
/// `min_seconds` long. Errors: those of the lookup.
result<std::vector<cut_point>> choose_cuts(const chunk_wishes& wishes, const film_extent& film,
                                           const keyframe_lookup& first_at);

/// The chunks between the cuts. `by_position`: keyframes are found by their byte position, not by their time.
std::vector<media_chunk> make_chunks(const std::vector<cut_point>& cuts, const std::vector<time_shift>& shifts,
                                     bool by_position, chunk_time_base time_base);

/// Plans the chunks of the file behind `source` (borrowed) for `request.profile` and `request.wishes`. Reads little
/// where the container has an index of keyframes; else all packets once, undecoded. A film that can't be cut is an
/// answer with a reason. Errors: as probe's, and unprocessable for a profile that does not fit.
result<exec::plan_chunks_answer> plan_chunks(source_file source, const exec::request& request, const task& job);

} // namespace troupe::media

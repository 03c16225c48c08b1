#pragma once

#include "media/chunk_plan.hpp"
#include "media/input.hpp"
#include "media/transcode_plan.hpp"

#include <memory>

namespace troupe::media {

/// Finds the keyframes of one video stream of an open file. The timestamps of the film's clock are those that transcode
/// gives the same frames. One thread.
class keyframe_index {
public:
  virtual ~keyframe_index() = default;
  virtual film_extent extent() const = 0;
  virtual result<std::optional<cut_point>> first_at(int64_t time) = 0;
  /// The way from the source's clock to the film's.
  virtual const std::vector<time_shift>& shifts() const = 0;
  /// Keyframes are found by byte position, not by time.
  virtual bool by_position() const = 0;
  /// Why nothing that it found may be used; empty: nothing speaks against it.
  virtual std::string objection() const = 0;
};

/// Uses the container's index (mp4, Matroska). nullptr when there is none that is worth it. Once it has an objection,
/// read_keyframes has to do. `history`: the filters look at frames before the cut, so decoding begins before it even
/// where the keyframe needs nothing of that (starts_afresh).
std::unique_ptr<keyframe_index> seek_keyframes(input& source, unsigned stream, bool history);

/// Reads the packets of all streams of `plan` once, to the end. `source` must be freshly opened.
result<std::unique_ptr<keyframe_index>> read_keyframes(input& source, unsigned stream, const transcode_plan& plan,
                                                       const task& job);

} // namespace troupe::media

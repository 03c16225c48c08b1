#pragma once

#include <cstdint>
#include <vector>

namespace troupe::media {

/// Most tiles of a storyboard; a longer film gets a larger interval.
inline constexpr uint32_t max_tiles = 10'000;
/// A film that has fewer at the asked interval gets a smaller one.
inline constexpr uint32_t wanted_tiles = 20;
inline constexpr int64_t least_interval_ms = 100;

/// Consecutive tiles that show the same moment of the film.
struct tile_run {
  /// Milliseconds from the start of the film.
  int64_t time_ms = 0;
  /// Which of the keyframes it is; -1 when none are known.
  int64_t keyframe = -1;
  uint32_t first = 0;
  uint32_t tiles = 0;
};

struct storyboard_plan {
  int64_t interval_ms = 0;
  uint32_t count = 0;
  std::vector<tile_run> runs;
};

/// From tile to tile.
struct tile_interval {
  int64_t ms = 0;
  /// Jellyfin reckons with the interval of its settings: a film of less than wanted_tiles keeps it.
  bool fixed = false;
};

/// Which moments of a film become tiles. The tile n shows the keyframe nearest to n times the interval. A film that has
/// less than wanted_tiles of them gets a smaller interval, unless that is fixed, or `keyframes` (milliseconds from its
/// start, rising; empty: not known) has no more of them to show. At least one tile, at most max_tiles.
storyboard_plan plan_storyboard(int64_t duration_ms, const std::vector<int64_t>& keyframes, tile_interval interval);

/// The same for a film of which any frame can be shown.
storyboard_plan plan_storyboard_of_frames(int64_t duration_ms, tile_interval interval);

} // namespace troupe::media

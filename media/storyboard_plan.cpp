#include "media/storyboard_plan.hpp"

#include <algorithm>

namespace troupe::media {

namespace {

int64_t tiles_at(int64_t duration_ms, int64_t interval_ms) {
  return std::max<int64_t>((duration_ms + interval_ms - 1) / interval_ms, 1);
}

/// `most`: how many different pictures there are to show.
int64_t choose_interval(int64_t duration_ms, tile_interval interval, int64_t most) {
  const auto tiles = tiles_at(duration_ms, interval.ms);
  if (tiles > max_tiles)
    return (duration_ms + max_tiles - 1) / max_tiles;
  const auto better = std::min<int64_t>(wanted_tiles, most);
  if (tiles >= better || interval.fixed)
    return interval.ms;
  return std::max((duration_ms + better - 1) / better, least_interval_ms);
}

size_t nearest(const std::vector<int64_t>& keyframes, int64_t time) {
  auto behind = std::lower_bound(keyframes.begin(), keyframes.end(), time);
  if (behind == keyframes.begin())
    return 0;
  if (behind == keyframes.end() || time - *std::prev(behind) <= *behind - time)
    --behind;
  return static_cast<size_t>(behind - keyframes.begin());
}

} // namespace

storyboard_plan plan_storyboard(int64_t duration_ms, const std::vector<int64_t>& keyframes, tile_interval interval) {
  if (keyframes.empty())
    return plan_storyboard_of_frames(duration_ms, interval);
  storyboard_plan plan;
  plan.interval_ms = choose_interval(duration_ms, interval, static_cast<int64_t>(keyframes.size()));
  plan.count = static_cast<uint32_t>(tiles_at(duration_ms, plan.interval_ms));
  for (uint32_t i = 0; i < plan.count; ++i) {
    const auto key = nearest(keyframes, i * plan.interval_ms);
    if (plan.runs.empty() || plan.runs.back().keyframe != static_cast<int64_t>(key))
      plan.runs.push_back({keyframes[key], static_cast<int64_t>(key), i, 0});
    ++plan.runs.back().tiles;
  }
  return plan;
}

storyboard_plan plan_storyboard_of_frames(int64_t duration_ms, tile_interval interval) {
  storyboard_plan plan;
  plan.interval_ms = choose_interval(duration_ms, interval, wanted_tiles);
  plan.count = static_cast<uint32_t>(tiles_at(duration_ms, plan.interval_ms));
  for (uint32_t i = 0; i < plan.count; ++i)
    plan.runs.push_back({i * plan.interval_ms, -1, i, 1});
  return plan;
}

} // namespace troupe::media

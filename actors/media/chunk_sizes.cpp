#include "actors/media/chunk_sizes.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace troupe::work {

namespace {

double begin_of(const media_chunk& x, double film_seconds) {
  if (x.begin == INT64_MIN)
    return 0;
  auto seconds = static_cast<double>(x.begin) * x.time_base.num / std::max(x.time_base.den, 1);
  return std::clamp(seconds, 0.0, film_seconds);
}

/// From here on the film is shared out evenly.
double even_from(size_t lanes, const split_rules& rules) {
  return rules.min_seconds * static_cast<double>(lanes) * 1.5;
}

} // namespace

bool worth_splitting(double film_seconds, std::span<const double> lanes, const split_rules& rules) {
  return lanes.size() >= 2
         && film_seconds >= rules.min_seconds * static_cast<double>(std::min<size_t>(lanes.size(), 2));
}

std::vector<double> part_lengths(double film_seconds, std::span<const double> lanes, const split_rules& rules) {
  std::vector<double> out;
  auto speeds = std::vector<double>(lanes.begin(), lanes.end());
  std::sort(speeds.begin(), speeds.end(), std::greater<>{});
  const auto all = std::accumulate(speeds.begin(), speeds.end(), 0.0);
  // So long that not more parts come out than may be.
  const auto least = std::max(rules.min_seconds, film_seconds / rules.max_parts);
  // And no longer than the slowest node takes for in about the time that all of it takes, should it get it.
  const auto slowest = speeds.empty() ? 0 : speeds.back() * film_seconds / all;
  const auto most = std::max(std::min(rules.max_seconds, slowest), least);
  auto left = film_seconds;
  while (left > 0 && all > 0) {
    const auto last_round = left <= even_from(speeds.size(), {least, most, rules.max_parts});
    const auto round = last_round ? left : left / 2;
    for (auto speed : speeds) {
      auto length = std::clamp(round * speed / all, least, most);
      // No crumb at the end.
      if (left - length < least / 2)
        length = left;
      length = std::min(length, left);
      if (length <= 0)
        break;
      out.push_back(length);
      left -= length;
    }
  }
  return out;
}

std::vector<double> seconds_of(const std::vector<media_chunk>& chunks, double film_seconds) {
  std::vector<double> out;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const auto end = i + 1 < chunks.size() ? begin_of(chunks[i + 1], film_seconds) : film_seconds;
    out.push_back(std::max(0.0, end - begin_of(chunks[i], film_seconds)));
  }
  return out;
}

} // namespace troupe::work

#pragma once

// How a film is shared out over nodes of different speed. Pure functions.

#include "protocol/model/chunks.hpp"

#include <span>
#include <vector>

namespace troupe::work {

struct split_rules {
  /// A part that is shorter costs more to begin than it saves.
  double min_seconds = 10;
  /// A longer one costs too much when it is lost.
  double max_seconds = 180;
  uint32_t max_parts = max_chunks;
};

/// Whether cutting is worth it at all: two nodes, and a part of at least the least length for each.
bool worth_splitting(double film_seconds, std::span<const double> lanes, const split_rules& rules);

/// The lengths of the parts in the order of the film, in which they are given out: each round gives every node, the
/// fastest first, half of what is left of its fair share, so that all end together although nobody knows how fast they
/// will be. (Weighted factoring; Hummel et al., 1996.) Together they are the film's length.
std::vector<double> part_lengths(double film_seconds, std::span<const double> lanes, const split_rules& rules);

/// What each chunk takes of the film, seconds; the first begins at 0 and the last ends with the film.
std::vector<double> seconds_of(const std::vector<media_chunk>& chunks, double film_seconds);

} // namespace troupe::work

#pragma once

#include "protocol/model/catalogue.hpp"

namespace troupe::net {

/// A cue for each tile: "00:00:10.000 --> 00:00:20.000" and "storyboard/0.jpg?of=JOB#xywh=320,0,320,180", relative to
/// the file's own address (media fragments, W3C). `of` is the job that made the board: the sheets of another one have
/// other addresses, so that no cache mixes them. `duration` of the film in seconds ends the last one; 0: not known.
std::string storyboard_vtt(const storyboard& board, double duration);

} // namespace troupe::net

#pragma once

#include "media/input.hpp"

#include <functional>
#include <map>
#include <vector>

namespace troupe::media {

/// Integrated loudness of each of `streams` (LUFS, ITU-R BS.1770 as EBU R 128 uses it), by decoding them from where
/// `source` stands to its end. Streams that are silent or hold nothing that can be decoded are left out.
/// `max_channels`: measured as it will be mixed down; 0: as it is. `told` gets the position in seconds now and then.
/// Errors: io, cancelled, unavailable.
result<std::map<unsigned, double>> measure_loudness(input& source, const std::vector<unsigned>& streams,
                                                    uint32_t max_channels, const std::function<void(double)>& told);

} // namespace troupe::media

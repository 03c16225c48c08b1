#pragma once

#include "media/input.hpp"
#include "media/sound_format.hpp"

#include <functional>
#include <map>

namespace troupe::media {

/// Integrated loudness of each of the streams (LUFS, ITU-R BS.1770 as EBU R 128 uses it), by decoding them from where
/// `source` stands to its end. Streams that are silent or hold nothing that can be decoded are left out.
/// Measured as they will be mixed. `told` gets the position in seconds now and then. Errors: io, cancelled, unavailable.
result<std::map<unsigned, double>> measure_loudness(input& source, const std::map<unsigned, sound_format>& streams,
                                                    const std::function<void(double)>& told);

} // namespace troupe::media

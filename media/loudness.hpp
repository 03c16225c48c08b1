#pragma once

#include "media/input.hpp"
#include "media/sound_format.hpp"

#include <functional>
#include <map>

namespace troupe::media {

/// A track as it will be written.
struct leveled_sound {
  sound_format format;
  /// dB.
  double gain = 0;
};

struct sound_level {
  /// Integrated loudness: LUFS, ITU-R BS.1770 as EBU R 128 uses it.
  double loudness = 0;
  /// The highest sample, dB.
  double peak = 0;
};

/// How loud each of the streams becomes, by decoding them from where `source` stands to its end. Streams that are
/// silent or hold nothing that can be decoded are left out. `told` gets the position in seconds now and then. Errors:
/// io, cancelled, unavailable.
result<std::map<unsigned, sound_level>> measure_loudness(input& source,
                                                         const std::map<unsigned, leveled_sound>& streams,
                                                         const std::function<void(double)>& told);

} // namespace troupe::media

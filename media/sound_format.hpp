#pragma once

#include "media/av.hpp"

#include <cstdint>
#include <string>

namespace troupe::media {

/// What a track of sound becomes, so that an encoder takes it and players know it.
struct sound_format {
  /// libavutil's name of the layout, and how many channels that is.
  std::string layout;
  int channels = 2;
  int rate = 48000;
  /// Bits a second; the profile's, within what the encoder can use.
  int64_t bit_rate = 0;
  /// Filters that take the first channels of a track that has more of them than anything has names for; or empty.
  std::string choice;
};

/// The source's layout where the encoder has it, else the smallest that holds all its channels, else a mix; the
/// source's rate or the next higher one. `max_channels`: 0 for no limit. `stereo_bit_rate`: bits a second of a stereo
/// track, others in proportion.
sound_format make_sound_format(const AVCodecParameters& par, const AVCodec& codec, uint32_t max_channels,
                               int64_t stereo_bit_rate);

/// The format's channels, and `gain` in dB with a limit on peaks at -1 dB when it is not 0. Ends in the format's rate.
std::string make_gain_filters(const sound_format& format, double gain);

/// Gaps and drifts of the timestamps become silence or a slight stretch; then the loudness, and the encoder's own
/// format. `gain` as above.
std::string make_sound_filters(const sound_format& format, const AVCodec& codec, double gain);

} // namespace troupe::media

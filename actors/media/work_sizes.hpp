#pragma once

// How much there is to do of a film (job_spec::work), so that the speeds of nodes can be measured by it. Pure
// functions. 0: not known. So it is where streams may be copied, which takes no time to speak of: an executor alone can
// tell.

#include "protocol/model/media.hpp"

namespace troupe::work {

/// The picture of a film, as a catalogue has it.
struct picture_facts {
  double seconds = 0;
  uint32_t width = 0;
  uint32_t height = 0;
  /// libav's name of the codec.
  std::string codec;
};

/// Seconds × megapixels of the film and, for a ladder, of each of its variants.
double work_of_pictures(const media_profile& profile, const picture_facts& film);
/// Seconds.
double work_of_sound(const media_profile& profile, const media_info& film);

} // namespace troupe::work

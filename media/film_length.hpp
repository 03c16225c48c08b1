#pragma once

#include "media/av.hpp"
#include "protocol/model/result.hpp"

#include <string>
#include <vector>

namespace troupe::media {

/// How long a source turned out to be, seconds, beside what its header announces.
struct film_length {
  double announced = 0;
  /// As far as was read, or written of it.
  double read = 0;
  /// Timestamps jumped on the way.
  bool jumped = false;
};

/// How long the film was found to be where what its container announces is not to be trusted; else 0.
double found_seconds(const AVFormatContext& source, const film_length& length) noexcept;

/// Is the end missing? bad_media when too much of it is, else a warning.
result<void> judge_length(const AVFormatContext& source, const film_length& length, std::vector<std::string>& warnings);

} // namespace troupe::media

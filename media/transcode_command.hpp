#pragma once

#include "media/transcode_plan.hpp"

#include <string>

namespace troupe::media {

/// The same operation as an ffmpeg command line, with the same encoders, options and filters.
std::string command_line(const transcode_plan& plan, const media_profile& profile, input& source);

} // namespace troupe::media

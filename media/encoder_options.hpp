#pragma once

#include "media/encoder.hpp"

#include <string>
#include <utility>
#include <vector>

namespace troupe::media {

using option_list = std::vector<std::pair<std::string, std::string>>;

/// `settings` in the words of their encoder, as names and values of libavcodec's options: quality, speed, peak rate,
/// keyframes, HDR metadata. `width`: of the pictures.
option_list video_options(const video_settings& settings, int width);

} // namespace troupe::media

#pragma once

#include "protocol/model/executor.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::media {

/// The name of a sheet in the layout that was asked for.
std::string sheet_name(const exec::storyboard_request& asked, const exec::storyboard_answer& made, size_t number);

/// WebVTT whose cues name the tiles by spatial media fragments (`sheet.jpg#xywh=x,y,w,h`), relative to the file
/// itself.
std::string vtt_of(const exec::storyboard_answer& made, int64_t duration_ms);

/// Roku's BIF of one JPEG a tile (version 0; a picture's time is its timestamp times `interval_ms`).
/// `pictures` are in order and together less than 4 GiB.
std::vector<uint8_t> bif_of(const std::vector<std::vector<uint8_t>>& pictures, int64_t interval_ms);

} // namespace troupe::media

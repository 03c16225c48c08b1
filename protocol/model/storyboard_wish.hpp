#pragma once

// What people ask of a storyboard, wherever they ask it.

#include "protocol/model/catalogue.hpp"

#include <optional>
#include <string>

namespace troupe {

/// What is not named is as it was, else as the configuration says.
struct storyboard_wish {
  std::optional<uint32_t> width;
  /// Seconds.
  std::optional<uint32_t> interval;
  std::optional<bool> bif;
  std::optional<bool> jellyfin;
  /// Although there is one that has all of that.
  bool again = false;
};

/// The storyboard that is there has all that was named, and need not be made.
bool is_met(const storyboard_wish& x, const storyboard& there) noexcept;

/// The payload of a job "storyboard" for the present content of the video.
std::string payload_of(const storyboard_wish& x, const video_detail& of);

} // namespace troupe

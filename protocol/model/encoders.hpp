#pragma once

// Names of encoders, as libav has them, and what a worker offers that can use one.

#include <string>
#include <string_view>
#include <vector>

namespace troupe {

struct codec_encoder {
  std::string_view codec;
  std::string_view encoder;
};

/// The software encoder of each codec that a profile may name.
const std::vector<codec_encoder>& software_encoders() noexcept;
/// "h264" → "libx264"; empty when there is none.
std::string_view software_encoder_for(std::string_view codec) noexcept;

/// What a worker offers whose executor has tested the encoder ("encoder:libx264"): a job that can't do without needs
/// it.
std::string encoder_capability(std::string_view encoder);
/// The encoder of such a capability; empty for others.
std::string_view encoder_of(std::string_view capability) noexcept;

} // namespace troupe

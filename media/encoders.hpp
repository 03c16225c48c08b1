#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace troupe::media {

/// The encoder that Troupe uses for a codec of a profile ("h264" → "libx264"); empty when there is none.
std::string_view encoder_for(std::string_view codec) noexcept;

/// The first hardware encoder for a codec that passed its test encode in this process; empty when there is none.
/// tested_encoders comes first. Any thread.
std::string_view hardware_encoder_for(std::string_view codec) noexcept;

/// The encoders that are really there: each was opened with a small picture or an ordinary sound format. Also loads
/// what they load lazily, so call it before the process locks itself down.
std::vector<std::string> tested_encoders();

/// The codec and container libraries that run, for people: "libavcodec 59.37.100, libavformat 59.27.100".
std::string library_versions();

} // namespace troupe::media

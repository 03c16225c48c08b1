#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace troupe::media {

/// The encoder that Troupe uses for a codec of a profile ("h264" → "libx264"); empty when there is none.
std::string_view encoder_for(std::string_view codec) noexcept;

/// The encoders that are really there: each was opened with a small picture or an ordinary sound format. Also loads
/// what they load lazily, so call it before the process locks itself down.
std::vector<std::string> tested_encoders();

/// The codec and container libraries that run, for people: "libavcodec 59.37.100, libavformat 59.27.100".
std::string library_versions();

} // namespace troupe::media

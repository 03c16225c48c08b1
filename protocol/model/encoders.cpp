#include "protocol/model/encoders.hpp"

namespace troupe {

namespace {

constexpr std::string_view prefix = "encoder:";

} // namespace

const std::vector<codec_encoder>& software_encoders() noexcept {
  static const std::vector<codec_encoder> all{
    {"h264", "libx264"}, {"hevc", "libx265"},   {"av1", "libsvtav1"}, {"vp9", "libvpx-vp9"}, {"aac", "aac"},
    {"opus", "libopus"}, {"mp3", "libmp3lame"}, {"flac", "flac"},     {"mjpeg", "mjpeg"},    {"webp", "libwebp"}};
  return all;
}

std::string_view software_encoder_for(std::string_view codec) noexcept {
  for (auto& x : software_encoders())
    if (x.codec == codec)
      return x.encoder;
  return {};
}

std::string encoder_capability(std::string_view encoder) {
  return std::string{prefix} + std::string{encoder};
}

std::string_view encoder_of(std::string_view capability) noexcept {
  return capability.starts_with(prefix) ? capability.substr(prefix.size()) : std::string_view{};
}

} // namespace troupe

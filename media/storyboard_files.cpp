#include "media/storyboard_files.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace troupe::media {

namespace {

/// "01:02:03.450"; hours have two digits or more.
std::string vtt_time(int64_t ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%02d:%02d:%02d.%03d", static_cast<int>(ms / 3'600'000),
                static_cast<int>(ms / 60'000 % 60), static_cast<int>(ms / 1000 % 60), static_cast<int>(ms % 1000));
  return text;
}

/// The only character of our names that has to be escaped in a URL.
std::string url_of(const std::string& name) {
  std::string out;
  for (char c : name)
    out += c == ' ' ? std::string("%20") : std::string(1, c);
  return out;
}

void put(std::vector<uint8_t>& out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8)
    out.push_back(static_cast<uint8_t>(value >> shift));
}

} // namespace

std::string sheet_name(const exec::storyboard_request& asked, const exec::storyboard_answer& made, size_t number) {
  const auto file = std::to_string(number) + ".jpg";
  if (!asked.jellyfin)
    return "storyboard-" + file;
  return std::to_string(made.tile_width) + " - " + std::to_string(made.columns) + "x" + std::to_string(made.rows) + "/"
         + file;
}

std::string vtt_of(const exec::storyboard_answer& made, int64_t duration_ms) {
  std::string out = "WEBVTT\n";
  const auto a_sheet = made.columns * made.rows;
  for (uint32_t i = 0; i < made.count; ++i) {
    const auto start = i * made.interval_ms;
    const auto end = std::max(std::min(start + made.interval_ms, duration_ms), start + 1);
    const auto tile = i % a_sheet;
    char place[64];
    std::snprintf(place, sizeof place, "#xywh=%u,%u,%u,%u", tile % made.columns * made.tile_width,
                  tile / made.columns * made.tile_height, made.tile_width, made.tile_height);
    out +=
      "\n" + vtt_time(start) + " --> " + vtt_time(end) + "\n" + url_of(made.sheets[i / a_sheet].name) + place + "\n";
  }
  return out;
}

std::vector<uint8_t> bif_of(const std::vector<std::vector<uint8_t>>& pictures, int64_t interval_ms) {
  constexpr std::array<uint8_t, 8> magic{0x89, 'B', 'I', 'F', 0x0d, 0x0a, 0x1a, 0x0a};
  constexpr size_t header = 64;
  std::vector<uint8_t> out(magic.begin(), magic.end());
  put(out, 0);
  put(out, static_cast<uint32_t>(pictures.size()));
  put(out, static_cast<uint32_t>(interval_ms));
  out.resize(header);
  auto offset = static_cast<uint32_t>(header + 8 * (pictures.size() + 1));
  for (size_t i = 0; i < pictures.size(); ++i) {
    put(out, static_cast<uint32_t>(i));
    put(out, offset);
    offset += static_cast<uint32_t>(pictures[i].size());
  }
  put(out, 0xffffffff);
  put(out, offset);
  for (auto& p : pictures)
    out.insert(out.end(), p.begin(), p.end());
  return out;
}

} // namespace troupe::media

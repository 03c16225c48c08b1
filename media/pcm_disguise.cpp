#include "media/pcm_disguise.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace troupe::media {

namespace {

/// ETSI TS 102 114: core streams of 16 and 14 bits in both byte orders, and the extension substream. libav looks for
/// them at whole samples.
constexpr std::array<uint32_t, 5> dts_syncs{0x7ffe8001, 0xfe7f0180, 0x1fffe800, 0xff1f00e8, 0x64582025};

uint16_t sample(const uint8_t* p) noexcept {
  return static_cast<uint16_t>(p[0] << 8U | p[1]);
}

bool has_dts_sync(std::span<const uint8_t> bytes) {
  // Most blocks have none of the first halves; the compiler makes the inner loop wide.
  constexpr size_t block = 512;
  for (size_t at = 0; at + 4 <= bytes.size(); at += block) {
    size_t end = std::min(bytes.size() - 2, at + block);
    unsigned seen = 0;
    for (size_t i = at; i < end; i += 2) {
      auto x = sample(&bytes[i]);
      for (auto sync : dts_syncs)
        seen |= static_cast<unsigned>(x == sync >> 16U);
    }
    if (seen == 0)
      continue;
    for (size_t i = at; i < end && i + 4 <= bytes.size(); i += 2)
      for (auto sync : dts_syncs)
        if ((static_cast<uint32_t>(sample(&bytes[i])) << 16U | sample(&bytes[i + 2])) == sync)
          return true;
  }
  return false;
}

/// ISO/IEC 11172-3, 2.4.2.3: no reserved version, layer, bit rate or sampling frequency.
bool is_mpeg_audio(std::span<const uint8_t> b) noexcept {
  return b.size() >= 4 && b[0] == 0xff && (b[1] & 0xe0) == 0xe0 && (b[1] & 0x18) != 0x08 && (b[1] & 0x06) != 0
         && (b[2] & 0xf0) != 0xf0 && (b[2] & 0x0c) != 0x0c;
}

/// The probes of these take a stream for theirs only if frames follow each other from the first byte on.
bool starts_with_frame(std::span<const uint8_t> b) {
  if (b.size() < 4)
    return false;
  bool ac3 = (b[0] == 0x0b && b[1] == 0x77) || (b[0] == 0x77 && b[1] == 0x0b) || (b[0] == 0x01 && b[1] == 0x10);
  bool adts = b[0] == 0xff && (b[1] & 0xf6) == 0xf0;
  bool loas = b[0] == 0x56 && (b[1] & 0xe0) == 0xe0;
  bool id3 = std::memcmp(b.data(), "ID3", 3) == 0;
  auto loud = std::find_if(b.begin(), b.end(), [](uint8_t x) { return x != 0; });
  return ac3 || adts || loas || id3 || is_mpeg_audio(b.subspan(static_cast<size_t>(loud - b.begin())));
}

} // namespace

bool may_hide_a_codec(std::span<const uint8_t> samples) {
  static constexpr std::array<uint8_t, 4> truehd{0xf8, 0x72, 0x6f, 0xba};
  auto bytes = samples.first(std::min(samples.size(), examined_pcm_bytes));
  return starts_with_frame(bytes) || has_dts_sync(bytes)
         || std::search(bytes.begin(), bytes.end(), truehd.begin(), truehd.end()) != bytes.end();
}

} // namespace troupe::media

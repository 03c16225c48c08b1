#include "media/packet_marks.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace troupe::media {

namespace {

constexpr size_t looked_at = 64 * 1024;

template <size_t N>
bool contains(std::span<const uint8_t> bytes, const std::array<uint8_t, N>& what) {
  return !bytes.empty() && memmem(bytes.data(), bytes.size(), what.data(), what.size()) != nullptr;
}

} // namespace

packet_marks marks_of(std::span<const uint8_t> packet) {
  // Country, provider and type of the message; none of them needs emulation prevention.
  static constexpr std::array<uint8_t, 8> captions{0xb5, 0x00, 0x31, 'G', 'A', '9', '4', 3};
  static constexpr std::array<uint8_t, 9> captions_mpeg2{0, 0, 1, 0xb2, 'G', 'A', '9', '4', 3};
  static constexpr std::array<uint8_t, 6> hdr10_plus{0xb5, 0x00, 0x3c, 0x00, 0x01, 0x04};
  auto bytes = packet.first(std::min(packet.size(), looked_at));
  return {contains(bytes, captions) || contains(bytes, captions_mpeg2), contains(bytes, hdr10_plus)};
}

} // namespace troupe::media

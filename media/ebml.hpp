#pragma once

// The elements that a Matroska file is made of (RFC 8794, RFC 9559): as much as it takes to find blocks.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace troupe::media {

struct ebml_element {
  uint32_t id = 0;
  /// Where its content begins and ends in the file. `end` 0: it does not say; then it is a segment or a cluster, and
  /// ends where something else begins.
  uint64_t data = 0;
  uint64_t end = 0;
};

namespace ebml_id {
inline constexpr uint32_t header = 0x1A45DFA3;
inline constexpr uint32_t segment = 0x18538067;
inline constexpr uint32_t seek_head = 0x114D9B74;
inline constexpr uint32_t seek = 0x4DBB;
inline constexpr uint32_t seek_id = 0x53AB;
inline constexpr uint32_t seek_position = 0x53AC;
inline constexpr uint32_t tracks = 0x1654AE6B;
inline constexpr uint32_t track_entry = 0xAE;
inline constexpr uint32_t track_number = 0xD7;
inline constexpr uint32_t track_type = 0x83;
inline constexpr uint32_t cues = 0x1C53BB6B;
inline constexpr uint32_t cue_point = 0xBB;
inline constexpr uint32_t cue_positions = 0xB7;
inline constexpr uint32_t cue_cluster = 0xF1;
inline constexpr uint32_t cluster = 0x1F43B675;
inline constexpr uint32_t simple_block = 0xA3;
inline constexpr uint32_t block_group = 0xA0;
inline constexpr uint32_t block = 0xA1;
} // namespace ebml_id

/// The longest head: four bytes of an id and eight of a length.
inline constexpr size_t max_ebml_head = 12;

/// A number of variable length with its marker taken off, and how many bytes it has. Nothing: too few bytes, or no
/// number. All bits set is `unknown`.
struct ebml_number {
  uint64_t value = 0;
  size_t length = 0;
  bool unknown = false;
};
std::optional<ebml_number> read_ebml_number(std::span<const uint8_t> bytes) noexcept;

/// The element that begins with these bytes, which stand at `position` of a file of `size` bytes. Nothing: too few
/// bytes, or no element that ends within the file.
std::optional<ebml_element> read_ebml_element(std::span<const uint8_t> bytes, uint64_t position,
                                              uint64_t size) noexcept;

/// Big endian; of more than eight bytes nothing.
std::optional<uint64_t> read_ebml_unsigned(std::span<const uint8_t> bytes) noexcept;

} // namespace troupe::media

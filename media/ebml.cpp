#include "media/ebml.hpp"

#include <bit>

namespace troupe::media {

std::optional<ebml_number> read_ebml_number(std::span<const uint8_t> bytes) noexcept {
  if (bytes.empty() || bytes[0] == 0)
    return std::nullopt;
  const auto length = static_cast<size_t>(std::countl_zero(bytes[0])) + 1;
  if (bytes.size() < length)
    return std::nullopt;
  uint64_t value = bytes[0] & (0xFFU >> length);
  bool ones = value == (0xFFU >> length);
  for (size_t i = 1; i < length; ++i) {
    value = value << 8 | bytes[i];
    ones &= bytes[i] == 0xFF;
  }
  return ebml_number{value, length, ones};
}

std::optional<ebml_element> read_ebml_element(std::span<const uint8_t> bytes, uint64_t position,
                                              uint64_t size) noexcept {
  if (bytes.empty() || bytes[0] < 0x10)
    return std::nullopt;
  // An id keeps its marker.
  const auto id_length = static_cast<size_t>(std::countl_zero(bytes[0])) + 1;
  if (bytes.size() < id_length)
    return std::nullopt;
  ebml_element out;
  for (size_t i = 0; i < id_length; ++i)
    out.id = out.id << 8 | bytes[i];
  auto length = read_ebml_number(bytes.subspan(id_length));
  if (!length)
    return std::nullopt;
  out.data = position + id_length + length->length;
  if (out.data > size)
    return std::nullopt;
  if (length->unknown)
    return out.id == ebml_id::segment || out.id == ebml_id::cluster ? std::optional{out} : std::nullopt;
  if (length->value > size - out.data)
    return std::nullopt;
  out.end = out.data + length->value;
  return out;
}

std::optional<uint64_t> read_ebml_unsigned(std::span<const uint8_t> bytes) noexcept {
  if (bytes.size() > 8)
    return std::nullopt;
  uint64_t out = 0;
  for (auto b : bytes)
    out = out << 8 | b;
  return out;
}

} // namespace troupe::media

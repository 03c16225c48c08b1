#pragma once

// RFC 9110, section 14: which bytes of a representation a Range header asks for.

#include <cstdint>
#include <string_view>
#include <vector>

namespace troupe::net {

struct byte_range {
  uint64_t first = 0;
  uint64_t length = 0;
  bool operator==(const byte_range&) const = default;
};

struct range_answer {
  enum class kind : uint8_t {
    /// The whole representation, 200: no Range, another unit, malformed, or too many ranges to be honest.
    whole,
    /// 206 with `ranges`.
    partial,
    /// 416: none of the ranges has a byte.
    unsatisfiable
  };
  kind what = kind::whole;
  /// In the order asked for; overlapping and adjacent ones joined.
  std::vector<byte_range> ranges;
};

/// More ranges than this in one request are answered with the whole (RFC 9110, 14.2 allows it).
inline constexpr size_t max_ranges = 32;

range_answer parse_range(std::string_view header, uint64_t size);

} // namespace troupe::net

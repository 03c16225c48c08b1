#pragma once

#include "protocol/ports/source_cache.hpp"

#include <cstdint>
#include <map>
#include <vector>

namespace troupe::work {

/// Parts of a file: bytes that are in or not. Not thread safe.
class span_set {
public:
  /// Empty spans change nothing, here and below.
  void add(ports::byte_span x);
  void remove(ports::byte_span x);
  bool covers(ports::byte_span x) const;
  /// The whole of the part that holds `at`; empty, at `at`, when it is not in.
  ports::byte_span around(uint64_t at) const;
  /// What of `x` is not in, from the front.
  std::vector<ports::byte_span> gaps(ports::byte_span x) const;
  /// Bytes in all.
  uint64_t bytes() const noexcept;

private:
  /// begin → end, no two touching.
  std::map<uint64_t, uint64_t> parts_;
};

} // namespace troupe::work

#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace troupe {

/// Bytes [begin, end) of a file.
struct byte_span {
  uint64_t begin = 0;
  uint64_t end = 0;

  bool operator==(const byte_span&) const = default;
};

/// Which bytes of a file are in: spans in order, no two touching. Empty spans change nothing. Not thread safe.
class byte_spans {
public:
  void add(byte_span x);
  void remove(byte_span x);
  void clear() noexcept {
    spans_.clear();
  }
  bool covers(byte_span x) const;
  /// The whole of the span that holds `at`; empty, at `at`, when it is not in.
  byte_span around(uint64_t at) const;
  /// What of `x` is not in, in order.
  std::vector<byte_span> missing(byte_span x) const;
  std::vector<byte_span> list() const;
  /// In all.
  uint64_t bytes() const noexcept;

private:
  /// begin → end
  std::map<uint64_t, uint64_t> spans_;
};

} // namespace troupe

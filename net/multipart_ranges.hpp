#pragma once

// multipart/byteranges (RFC 9110, section 14.6) on both sides of a transfer between nodes.

#include "net/byte_ranges.hpp"
#include "protocol/model/byte_spans.hpp"
#include "protocol/model/result.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::net {

/// What stands in front of a part, and behind the last one.
std::string part_head(const std::string& boundary, const byte_range& range, uint64_t size);
std::string parts_end(const std::string& boundary);

/// Reads such a body, in pieces as they come, when it is known which ranges it has to have: those that were asked for,
/// in their order.
class part_reader {
public:
  /// What is of the file, from `offset` on. Its error ends the reading.
  using taker = std::function<result<void>(uint64_t offset, std::string_view bytes)>;

  part_reader(std::string boundary, std::vector<byte_span> ranges, taker take);

  /// errc::protocol when it is anything else; errc::conflict when a range ends before it should: another file.
  result<void> add(std::string_view piece);
  /// All ranges were there, and the end.
  bool complete() const noexcept {
    return next_ == ranges_.size() && phase_ == phase::over;
  }
  /// Of the file, so far.
  uint64_t bytes() const noexcept {
    return bytes_;
  }

private:
  enum class phase : uint8_t { head, data, over };

  result<void> read_head(std::string_view& piece);
  result<void> check_head();
  result<void> read_data(std::string_view& piece);

  std::string boundary_;
  std::vector<byte_span> ranges_;
  taker take_;
  phase phase_ = phase::head;
  /// Of the head that is being read.
  std::string head_;
  size_t next_ = 0;
  uint64_t offset_ = 0;
  uint64_t bytes_ = 0;
};

} // namespace troupe::net

#pragma once

// Header fields of answers that downloads look at.

#include "protocol/model/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace troupe::net {

/// A line of a header or trailer as libcurl gives it: the name in lower case and the value without space around it;
/// nullopt for other lines.
std::optional<std::pair<std::string, std::string>> parse_field_line(std::string_view line);

/// The file name in a Content-Disposition (RFC 6266, filename* of RFC 8187 preferred), UTF-8, without folders; empty if
/// there is none. Not a safe name.
std::string file_name_of(std::string_view content_disposition);

/// Retry-After (RFC 9110): seconds or a date; 0 when absent or nonsense, at most a day.
milliseconds parse_retry_after(std::string_view value, timestamp now);

/// Content-Range: "bytes 5-9/10", "bytes 5-9/*", "bytes */10".
struct content_range {
  /// Absent in the third form.
  std::optional<uint64_t> first;
  uint64_t last = 0;
  std::optional<uint64_t> total;
};
std::optional<content_range> parse_content_range(std::string_view value) noexcept;

} // namespace troupe::net

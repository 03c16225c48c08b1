#pragma once

// Sets spdlog's default logger up for a program: text for people on a terminal, one JSON object a line otherwise, and
// the same JSON lines in rotated files. What logs only calls spdlog::info("part: message [request=ID]", …).

#include "protocol/model/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::logging {

struct options {
  /// "trace", "debug", "info", "warn", "error" or "off".
  std::string level = "info";
  /// "text", "json", or "auto": text when standard error is a terminal.
  std::string format = "auto";
  /// Path of the log file; empty: none. Its folder is made when it is missing.
  std::string file;
  uint64_t max_size = 10ull << 20;
  /// Files that are kept, the present one among them; at least 1.
  uint32_t files = 5;
  /// In every JSON line.
  std::string node;
};

/// Once, before threads that log are started. Standard output stays free for the line "ready …": logs go to standard
/// error. errc::io when the file can't be opened. A full disk later loses log lines, never the program.
result<void> set_up(const options& what);

/// Writes what is buffered; at the end of main().
void flush() noexcept;

/// One line of JSON without its line feed: time, level, node, thread, part, message, and requestId when the text ends
/// with " [request=ID]". `part` is the word before the first ": ".
std::string json_line(int64_t unix_ms, std::string_view level, std::string_view node, uint64_t thread,
                      std::string_view text);

} // namespace troupe::logging

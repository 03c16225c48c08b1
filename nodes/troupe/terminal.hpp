#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace troupe::cli {

/// Columns of the terminal on standard output; 0 when it is none.
size_t terminal_width();
/// Standard output is a terminal and NO_COLOR is not set.
bool use_color();
bool use_live_lines();

/// One line that is written over on a terminal; elsewhere a line of its own, at most every two seconds or when the
/// stage changes.
class live_line {
public:
  live_line();
  ~live_line();
  live_line(const live_line&) = delete;
  live_line& operator=(const live_line&) = delete;

  void show(double fraction, std::string_view label, std::string_view detail);
  /// A whole line above the live one.
  void print(std::string_view line);
  /// Removes the live line.
  void clear();

private:
  bool live_ = false;
  bool shown_ = false;
  size_t width_ = 0;
  long long last_ms_ = 0;
  std::string last_label_;
  std::string last_text_;
};

} // namespace troupe::cli

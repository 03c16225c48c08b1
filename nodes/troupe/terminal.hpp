#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::cli {

/// Columns of the terminal on standard output; 0 when it is none.
size_t terminal_width();
/// Its lines; 0 when it is none.
size_t terminal_height();
/// Standard output is a terminal and NO_COLOR is not set.
bool use_color();
bool use_live_lines();

/// The whole terminal, for as long as the object lives: keys are not shown, and what was there before comes back, also
/// after Ctrl-C and SIGTERM. One at a time.
class full_screen {
public:
  full_screen();
  ~full_screen();
  full_screen(const full_screen&) = delete;
  full_screen& operator=(const full_screen&) = delete;

  /// Written over what is there, without clearing it first: nothing flickers.
  void show(const std::vector<std::string>& lines);
  /// True as soon as somebody presses q or Ctrl-C or ends the program; false after `wait`.
  bool wait_for_end(std::chrono::milliseconds wait);

private:
  struct keyboard;
  std::unique_ptr<keyboard> keyboard_;
};

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

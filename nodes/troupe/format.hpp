#pragma once

// How things look for people: durations, sizes, tables, progress lines. No actors, no I/O.

#include "protocol/model/time.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::cli {

/// "850ms", "45s", "3m12s", "2h5m", "3d4h": at most two units.
std::string format_duration(milliseconds x);
/// One unit, as kubectl's AGE: "45s", "12m", "3h", "9d". "-" for a time that is not set; "0s" for one in the future.
std::string format_age(timestamp then, timestamp now);
/// "512 B", "1.5 MiB".
std::string format_bytes(uint64_t bytes);
/// Length of a film: "1:02:03", "4:07"; "-" when unknown.
std::string format_length(double seconds);

/// Columns that a terminal uses for UTF-8 text; invalid bytes count one.
size_t display_width(std::string_view text);
/// At most `width` columns; what is cut is shown by "…".
std::string shorten(std::string_view text, size_t width);
/// Control characters and invalid UTF-8 become "?": names of files must not steer the terminal.
std::string printable(std::string_view text);

/// Aligned columns with two spaces between, kubectl-like.
class table {
public:
  explicit table(std::vector<std::string> headers) : headers_(std::move(headers)) {
  }
  /// This column is cut when no other can be any more, or never, however wide a line gets.
  void spare(size_t column, bool never) {
    spared_ = column;
    never_cut_ = never;
  }
  /// As many cells as headers; empty ones are shown as "-".
  void row(std::vector<std::string> cells);
  bool empty() const {
    return rows_.empty();
  }
  /// @param width columns to fit into, by cutting the widest column that may be; 0: no limit.
  std::string render(size_t width) const;

private:
  std::vector<std::string> headers_;
  std::optional<size_t> spared_;
  bool never_cut_ = false;
  std::vector<std::vector<std::string>> rows_;
};

/// "encode  [#########           ]  45.7%  2.1x, 12s left", cut to `width`.
std::string progress_bar(double fraction, std::string_view label, std::string_view detail, size_t width);
/// The same for logs and pipes: "45.7% encode, 2.1x, 12s left".
std::string progress_text(double fraction, std::string_view label, std::string_view detail);

} // namespace troupe::cli

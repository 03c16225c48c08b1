#include "nodes/troupe/format.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace troupe::cli {

namespace {

struct code_point {
  char32_t value = 0;
  /// Bytes it takes; 1 and value 0xFFFD for an invalid byte.
  size_t length = 1;
};

code_point next_code_point(std::string_view s) {
  auto byte = [&](size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u; };
  auto lead = byte(0);
  size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
  if (length == 1)
    return {lead, 1};
  if (length == 0 || length > s.size())
    return {0xFFFD, 1};
  char32_t value = lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0u) != 0x80u)
      return {0xFFFD, 1};
    value = (value << 6) | (byte(i) & 0x3Fu);
  }
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < smallest[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
    return {0xFFFD, 1};
  return {value, length};
}

bool is_control(char32_t c) {
  // Bidirectional overrides, too: they turn the text around that follows.
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

/// East Asian wide characters and emoji take two columns, combining marks none (the ranges that matter).
size_t columns(char32_t c) {
  if ((c >= 0x300 && c <= 0x36F) || (c >= 0x200B && c <= 0x200F) || (c >= 0xFE00 && c <= 0xFE0F))
    return 0;
  bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3)
              || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60)
              || (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
  return wide ? 2 : 1;
}

struct unit {
  char name;
  int64_t ms;
};
constexpr std::array units{unit{'d', 86'400'000}, unit{'h', 3'600'000}, unit{'m', 60'000}, unit{'s', 1'000}};

std::string printf_double(const char* format, double x) {
  char buf[64];
  std::snprintf(buf, sizeof(buf), format, x);
  return buf;
}

std::string percent(double fraction) {
  return printf_double("%.1f%%", (std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0) * 100);
}

} // namespace

std::string format_duration(milliseconds x) {
  auto ms = x.count();
  if (ms < 0)
    return "-";
  if (ms < 1000)
    return std::to_string(ms) + "ms";
  for (size_t i = 0; i < units.size(); ++i) {
    if (ms < units[i].ms)
      continue;
    auto out = std::to_string(ms / units[i].ms) + units[i].name;
    auto rest = i + 1 < units.size() ? ms % units[i].ms / units[i + 1].ms : 0;
    return rest == 0 ? out : out + std::to_string(rest) + units[i + 1].name;
  }
  return "0s";
}

std::string format_age(timestamp then, timestamp now) {
  if (!is_set(then))
    return "-";
  auto ms = (now - then).count();
  for (auto& u : units)
    if (ms >= u.ms)
      return std::to_string(ms / u.ms) + u.name;
  return "0s";
}

std::string format_bytes(uint64_t bytes) {
  if (bytes < 1024)
    return std::to_string(bytes) + " B";
  constexpr std::array names{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto x = static_cast<double>(bytes) / 1024;
  size_t i = 0;
  for (; x >= 1023.95 && i + 1 < names.size(); ++i)
    x /= 1024;
  return printf_double("%.1f ", x) + names[i];
}

std::string format_length(double seconds) {
  if (!std::isfinite(seconds) || seconds <= 0 || seconds > 1e9)
    return "-";
  auto s = std::llround(seconds);
  char buf[48];
  if (s >= 3600)
    std::snprintf(buf, sizeof(buf), "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
  else
    std::snprintf(buf, sizeof(buf), "%lld:%02lld", s / 60, s % 60);
  return buf;
}

size_t display_width(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    auto c = next_code_point(text);
    width += columns(c.value);
    text.remove_prefix(c.length);
  }
  return width;
}

std::string shorten(std::string_view text, size_t width) {
  if (display_width(text) <= width)
    return std::string{text};
  if (width == 0)
    return {};
  std::string out;
  size_t used = 0;
  while (!text.empty()) {
    auto c = next_code_point(text);
    used += columns(c.value);
    if (used > width - 1)
      break;
    out += text.substr(0, c.length);
    text.remove_prefix(c.length);
  }
  return out + "…";
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto c = next_code_point(text);
    if (is_control(c.value) || (c.value == 0xFFFD && c.length == 1))
      out += '?';
    else
      out += text.substr(0, c.length);
    text.remove_prefix(c.length);
  }
  return out;
}

void table::row(std::vector<std::string> cells) {
  cells.resize(headers_.size());
  for (auto& c : cells)
    c = c.empty() ? "-" : printable(c);
  rows_.push_back(std::move(cells));
}

std::string table::render(size_t width) const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < headers_.size(); ++i) {
    widths.push_back(display_width(headers_[i]));
    for (auto& r : rows_)
      widths[i] = std::max(widths[i], display_width(r[i]));
  }
  size_t total = widths.empty() ? 0 : 2 * (widths.size() - 1);
  for (auto w : widths)
    total += w;
  // None gets narrower than its header or ten columns.
  auto can_give_way = [&](size_t i) { return widths[i] > std::max<size_t>(10, display_width(headers_[i])); };
  auto widest = [&] {
    std::optional<size_t> out;
    for (size_t i = 0; i < widths.size(); ++i)
      if (i != spared_ && can_give_way(i) && (!out || widths[i] > widths[*out]))
        out = i;
    if (!out && spared_ && !never_cut_ && can_give_way(*spared_))
      out = spared_;
    return out;
  };
  for (auto gives_way = widest(); width != 0 && total > width && gives_way; gives_way = widest()) {
    --widths[*gives_way];
    --total;
  }
  std::string out;
  auto line = [&](const std::vector<std::string>& cells) {
    for (size_t i = 0; i < cells.size(); ++i) {
      auto cell = shorten(cells[i], widths[i]);
      out += cell;
      if (i + 1 < cells.size())
        out.append(widths[i] - display_width(cell) + 2, ' ');
    }
    out += '\n';
  };
  line(headers_);
  for (auto& r : rows_)
    line(r);
  return out;
}

std::string progress_bar(double fraction, std::string_view label, std::string_view detail, size_t width) {
  constexpr size_t bar = 24;
  auto share = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0;
  auto filled = static_cast<size_t>(share * bar);
  auto out =
    printable(label) + " [" + std::string(filled, '#') + std::string(bar - filled, ' ') + "] " + percent(fraction);
  if (!detail.empty())
    out += "  " + printable(detail);
  return width == 0 ? out : shorten(out, width);
}

std::string progress_text(double fraction, std::string_view label, std::string_view detail) {
  auto out = percent(fraction) + " " + printable(label);
  return detail.empty() ? out : out + ", " + printable(detail);
}

} // namespace troupe::cli

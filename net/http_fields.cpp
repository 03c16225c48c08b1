#include "net/http_fields.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>

namespace troupe::net {

namespace {

std::string_view trim(std::string_view x) {
  while (!x.empty() && (x.front() == ' ' || x.front() == '\t'))
    x.remove_prefix(1);
  while (!x.empty() && (x.back() == ' ' || x.back() == '\t'))
    x.remove_suffix(1);
  return x;
}

bool same_name(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

/// Reads a quoted string whose opening quote is gone; leaves what follows the closing one.
std::string take_quoted(std::string_view& rest) {
  std::string result;
  while (!rest.empty() && rest.front() != '"') {
    if (rest.front() == '\\' && rest.size() > 1)
      rest.remove_prefix(1);
    result += rest.front();
    rest.remove_prefix(1);
  }
  if (!rest.empty())
    rest.remove_prefix(1);
  return result;
}

/// One ";name=value"; false at the end.
bool take_parameter(std::string_view& rest, std::string_view& name, std::string& value) {
  auto start = rest.find(';');
  if (start == std::string_view::npos)
    return false;
  rest.remove_prefix(start + 1);
  auto end = rest.find_first_of("=;");
  if (end == std::string_view::npos || rest[end] == ';') {
    name = {};
    return true;
  }
  name = trim(rest.substr(0, end));
  rest = trim(rest.substr(end + 1));
  if (rest.starts_with('"')) {
    rest.remove_prefix(1);
    value = take_quoted(rest);
  } else {
    auto stop = std::min(rest.find(';'), rest.size());
    value = trim(rest.substr(0, stop));
    rest.remove_prefix(stop);
  }
  return true;
}

int hex(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string latin1_to_utf8(std::string_view text) {
  std::string result;
  for (char c : text) {
    auto x = static_cast<unsigned char>(c);
    if (x < 0x80) {
      result += c;
    } else {
      result += static_cast<char>(0xc0 | x >> 6);
      result += static_cast<char>(0x80 | (x & 0x3f));
    }
  }
  return result;
}

/// charset'language'percent-encoded; nullopt for anything else.
std::optional<std::string> decode_extended(std::string_view value) {
  auto first = value.find('\'');
  auto second = first == std::string_view::npos ? first : value.find('\'', first + 1);
  if (second == std::string_view::npos)
    return std::nullopt;
  auto charset = value.substr(0, first);
  auto text = value.substr(second + 1);
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes += text[i];
      continue;
    }
    if (i + 2 >= text.size() || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0)
      return std::nullopt;
    bytes += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
    i += 2;
  }
  if (same_name(charset, "utf-8"))
    return bytes;
  if (same_name(charset, "iso-8859-1"))
    return latin1_to_utf8(bytes);
  return std::nullopt;
}

std::string without_folders(std::string name) {
  if (auto i = name.find_last_of("/\\"); i != std::string::npos)
    name.erase(0, i + 1);
  return name;
}

std::optional<uint64_t> take_number(std::string_view& text) noexcept {
  uint64_t x = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (problem != std::errc{})
    return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return x;
}

} // namespace

std::optional<std::pair<std::string, std::string>> parse_field_line(std::string_view line) {
  auto colon = line.find(':');
  if (colon == std::string_view::npos)
    return std::nullopt;
  std::string name{line.substr(0, colon)};
  std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  auto value = line.substr(colon + 1);
  auto first = value.find_first_not_of(" \t\r\n");
  auto last = value.find_last_not_of(" \t\r\n");
  return std::pair{std::move(name), first == std::string_view::npos
                                      ? std::string{}
                                      : std::string{value.substr(first, last - first + 1)}};
}

std::string file_name_of(std::string_view content_disposition) {
  std::string plain;
  std::string_view name;
  std::string value;
  while (take_parameter(content_disposition, name, value)) {
    if (same_name(name, "filename*")) {
      if (auto decoded = decode_extended(value); decoded && !decoded->empty())
        return without_folders(std::move(*decoded));
    } else if (same_name(name, "filename") && plain.empty()) {
      plain = value;
    }
  }
  return without_folders(std::move(plain));
}

milliseconds parse_retry_after(std::string_view value, timestamp now) {
  constexpr milliseconds day{86'400'000};
  value = trim(value);
  auto rest = value;
  if (auto seconds = take_number(rest); seconds && rest.empty())
    return milliseconds{std::min<uint64_t>(*seconds, 86'400) * 1000};
  auto at = curl_getdate(std::string{value}.c_str(), nullptr);
  if (at < 0)
    return milliseconds{0};
  return std::clamp(from_ms(static_cast<int64_t>(at) * 1000) - now, milliseconds{0}, day);
}

std::optional<content_range> parse_content_range(std::string_view value) noexcept {
  value = trim(value);
  if (value.size() < 6 || !same_name(value.substr(0, 6), "bytes "))
    return std::nullopt;
  value = trim(value.substr(6));
  content_range x;
  if (value.starts_with('*')) {
    value.remove_prefix(1);
  } else {
    x.first = take_number(value);
    if (!x.first || !value.starts_with('-'))
      return std::nullopt;
    value.remove_prefix(1);
    auto last = take_number(value);
    if (!last || *last < *x.first)
      return std::nullopt;
    x.last = *last;
  }
  if (!value.starts_with('/'))
    return std::nullopt;
  value.remove_prefix(1);
  if (value == "*")
    return x.first ? std::optional{x} : std::nullopt;
  x.total = take_number(value);
  if (!x.total || !value.empty() || (x.first && x.last >= *x.total))
    return std::nullopt;
  return x;
}

} // namespace troupe::net

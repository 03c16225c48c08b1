#include "net/headers.hpp"

#include <algorithm>
#include <charconv>

namespace troupe::net {

namespace {

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// Splits at `separator` outside of quotes.
std::vector<std::string_view> split_unquoted(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  size_t begin = 0;
  bool quoted = false;
  auto add = [&](size_t end) {
    if (auto part = trim(text.substr(begin, end - begin)); !part.empty())
      out.push_back(part);
    begin = end + 1;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      quoted = !quoted;
    else if (!quoted && text[i] == separator)
      add(i);
  }
  add(text.size());
  return out;
}

} // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size()
         && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) noexcept {
  auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::vector<std::string_view> split_list(std::string_view text) {
  return split_unquoted(text, ',');
}

std::string http_date(std::time_t when) {
  std::tm parts{};
  gmtime_r(&when, &parts);
  char text[40];
  auto n = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text, n};
}

std::optional<std::time_t> parse_http_date(std::string_view text) {
  std::string copy{text};
  for (auto format : {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    std::tm parts{};
    auto end = strptime(copy.c_str(), format, &parts);
    if (end && *end == '\0')
      return timegm(&parts);
  }
  return std::nullopt;
}

namespace {

/// A weight is 0 to 1 with at most three decimals (RFC 9110, 12.4.2).
bool is_weight(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 5 && (text[0] == '0' || text[0] == '1') && (text.size() < 2 || text[1] == '.')
         && text.find_first_not_of("0123456789", std::min<size_t>(2, text.size())) == std::string_view::npos;
}

double quality_of(std::span<const std::string_view> parameters) {
  for (auto p : parameters) {
    if (p.size() < 2 || lower(p[0]) != 'q' || p[1] != '=')
      continue;
    auto text = p.substr(2);
    double q = 0;
    if (!is_weight(text))
      return 0;
    std::from_chars(text.data(), text.data() + text.size(), q);
    return q <= 1 ? q : 0;
  }
  return 1;
}

/// How exactly `range` names `what`: 0 not at all, 3 by name.
int specificity(std::string_view range, std::string_view what, bool wildcards) {
  if (equals_ignoring_case(range, what))
    return 3;
  if (!wildcards)
    return 0;
  auto slash = what.find('/');
  if (slash != std::string_view::npos && range.ends_with("/*")
      && equals_ignoring_case(range.substr(0, range.size() - 2), what.substr(0, slash)))
    return 2;
  return range == "*/*" || range == "*" ? 1 : 0;
}

} // namespace

std::optional<double> quality_in(std::string_view value, std::string_view what, bool wildcards) {
  int best = 0;
  double quality = 0;
  for (auto element : split_list(value)) {
    auto parts = split_unquoted(element, ';');
    if (parts.empty())
      continue;
    auto s = specificity(parts[0], what, wildcards);
    if (s <= best)
      continue;
    best = s;
    quality = quality_of(std::span{parts}.subspan(1));
  }
  if (best == 0)
    return std::nullopt;
  return quality;
}

bool accepts(std::string_view value, std::string_view what, bool wildcards) {
  return quality_in(value, what, wildcards).value_or(0) > 0;
}

bool valid_request_id(std::string_view text) noexcept {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_'
           || c == ':' || c == '-';
  };
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), allowed);
}

std::optional<std::string> idempotency_key(std::string_view value) {
  auto text = trim(value);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  auto visible = [](char c) { return c > ' ' && c < 0x7f && c != '"'; };
  if (text.empty() || text.size() > 200 || !std::all_of(text.begin(), text.end(), visible))
    return std::nullopt;
  return std::string{text};
}

std::string_view media_type(std::string_view value) noexcept {
  return trim(value.substr(0, value.find(';')));
}

std::optional<std::string> header_parameter(std::string_view value, std::string_view name) {
  auto parts = split_unquoted(value, ';');
  for (size_t i = 1; i < parts.size(); ++i) {
    auto equals = parts[i].find('=');
    if (equals == std::string_view::npos || !equals_ignoring_case(trim(parts[i].substr(0, equals)), name))
      continue;
    auto text = trim(parts[i].substr(equals + 1));
    if (!text.starts_with('"'))
      return std::string{text};
    if (text.size() < 2 || !text.ends_with('"'))
      return std::nullopt;
    std::string out;
    for (size_t k = 1; k + 1 < text.size(); ++k) {
      // Only quotes are escaped in practice (RFC 7578, 4.2): a backslash before anything else is a Windows path.
      if (text[k] == '\\' && k + 2 < text.size() && text[k + 1] == '"')
        ++k;
      out.push_back(text[k]);
    }
    return out;
  }
  return std::nullopt;
}

} // namespace troupe::net

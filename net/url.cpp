#include "net/url.hpp"

#include <algorithm>

namespace troupe::net {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

constexpr size_t max_query_parameters = 64;

bool split_query(std::string_view text, request& req) {
  while (!text.empty()) {
    auto end = std::min(text.find('&'), text.size());
    auto pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty())
      continue;
    auto equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value || req.query.size() == max_query_parameters)
      return false;
    req.query.emplace_back(std::move(*name), std::move(*value));
  }
  return true;
}

/// "http://host/path" → "/path".
void drop_authority(std::string& target) {
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme))
      continue;
    auto slash = target.find_first_of("/?", scheme.size());
    target.erase(0, std::min(slash, target.size()));
    if (!target.starts_with('/'))
      target = "/" + target;
    return;
  }
}

} // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = text[i];
    if (c == '+' && plus_is_space) {
      c = ' ';
    } else if (c == '%') {
      if (text.size() - i < 3)
        return std::nullopt;
      auto high = hex_value(text[i + 1]);
      auto low = hex_value(text[i + 2]);
      if (high < 0 || low < 0)
        return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0')
      return std::nullopt;
    out.push_back(c);
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (auto c : text) {
    auto plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.'
                 || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      auto byte = static_cast<unsigned char>(c);
      out.append({'%', digits[byte >> 4], digits[byte & 15]});
    }
  }
  return out;
}

bool split_target(request& req) {
  drop_authority(req.target);
  if (req.target == "*")
    return req.method == verb::options;
  if (!req.target.starts_with('/') || req.target.find('#') != std::string::npos)
    return false;
  std::string_view target = req.target;
  auto mark = std::min(target.find('?'), target.size());
  auto path = percent_decode(target.substr(0, mark), false);
  if (!path)
    return false;
  req.path = std::move(*path);
  return mark == target.size() || split_query(target.substr(mark + 1), req);
}

} // namespace troupe::net

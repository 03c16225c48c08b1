#include "protocol/model/outward_text.hpp"

#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

#include <algorithm>

namespace troupe {

namespace {

bool begins_path(std::string_view text, size_t i) noexcept {
  if (text[i] != '/' || i + 1 == text.size() || std::string_view{" \t\n/"}.find(text[i + 1]) != std::string_view::npos)
    return false;
  if (i > 0 && std::string_view{" \t\n\"'`([<{=,;:|"}.find(text[i - 1]) == std::string_view::npos)
    return false;
  return !text.substr(i).starts_with("/api/");
}

/// A reason, another path, the closing quote or the end of the line.
size_t end_of_path(std::string_view text, size_t begin) noexcept {
  auto end = text.size();
  auto stop = [&](size_t at) { end = std::min(end, at); };
  stop(text.find(": ", begin));
  stop(text.find(" /", begin));
  stop(text.find('\n', begin));
  if (begin > 0 && std::string_view{"\"'`"}.find(text[begin - 1]) != std::string_view::npos)
    stop(text.find(text[begin - 1], begin));
  return end;
}

} // namespace

std::string without_folders(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    if (!begins_path(text, i)) {
      out += text[i++];
      continue;
    }
    auto end = end_of_path(text, i);
    auto path = text.substr(i, end - i);
    while (path.ends_with('/'))
      path.remove_suffix(1);
    out += path.substr(path.rfind('/') + 1);
    i = end;
  }
  return out;
}

namespace {

/// `literal` is a JSON string with its quotes.
std::string outward_literal(std::string_view literal) {
  if (literal.find_first_of("/\\") == std::string_view::npos)
    return std::string{literal};
  auto decoded = decode_strings("[" + std::string{literal} + "]");
  return json_quote(decoded ? without_folders(decoded->at(0)) : std::string{});
}

} // namespace

std::string json_without_folders(std::string_view json) {
  if (!is_json(json))
    return without_folders(json);
  std::string out;
  out.reserve(json.size());
  for (size_t i = 0; i < json.size();) {
    if (json[i] != '"') {
      out += json[i++];
      continue;
    }
    auto end = i + 1;
    while (json[end] != '"')
      end += json[end] == '\\' ? 2 : 1;
    out += outward_literal(json.substr(i, end + 1 - i));
    i = end + 1;
  }
  return out;
}

} // namespace troupe

#include "protocol/model/json_writer.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <cmath>
#include <map>

namespace troupe {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// Length of the well-formed UTF-8 sequence at the start of `s` (Unicode 15, table 3-7); 0 if there is none.
size_t sequence_length(std::string_view s) noexcept {
  auto at = [&](size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u; };
  auto tail = [&](size_t i) { return (at(i) & 0xC0u) == 0x80u; };
  unsigned lead = at(0);
  if (lead < 0x80)
    return 1;
  if (lead >= 0xC2 && lead <= 0xDF)
    return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    bool overlong = lead == 0xE0 && at(1) < 0xA0;
    bool surrogate = lead == 0xED && at(1) > 0x9F;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    bool overlong = lead == 0xF0 && at(1) < 0x90;
    bool beyond = lead == 0xF4 && at(1) > 0x8F;
    return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

void append_escaped(std::string& out, char c) {
  static constexpr char hex[] = "0123456789abcdef";
  switch (c) {
  case '"':
    out += "\\\"";
    return;
  case '\\':
    out += "\\\\";
    return;
  case '\n':
    out += "\\n";
    return;
  case '\r':
    out += "\\r";
    return;
  case '\t':
    out += "\\t";
    return;
  default:
    out += "\\u00";
    out += hex[static_cast<unsigned char>(c) >> 4];
    out += hex[static_cast<unsigned char>(c) & 15];
  }
}

bool needs_escape(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || c == 0x7F;
}

} // namespace

void append_quoted(std::string& out, std::string_view text) {
  out.reserve(out.size() + text.size() + 2);
  out += '"';
  for (size_t i = 0; i < text.size();) {
    if (needs_escape(text[i])) {
      append_escaped(out, text[i++]);
    } else if (auto n = sequence_length(text.substr(i, 4)); n > 0) {
      out.append(text, i, n);
      i += n;
    } else {
      out += replacement;
      ++i;
    }
  }
  out += '"';
}

void append_number(std::string& out, double x) {
  if (!std::isfinite(x)) {
    out += "null";
    return;
  }
  char buf[32];
  auto res = std::to_chars(buf, buf + sizeof(buf), x);
  out.append(buf, res.ptr);
}

bool is_json(std::string_view text) noexcept {
  try {
    return nlohmann::json::accept(text);
  } catch (...) {
    // Out of memory while it keeps track of the nesting: not a document that we pass on.
    return false;
  }
}

bool is_json_object(std::string_view text) noexcept {
  auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{' && is_json(text);
}

object_writer& object_writer::reasons(std::string_view name,
                                      const std::vector<std::pair<std::string, std::string>>& fields) {
  std::map<std::string_view, std::string> joined;
  for (auto& [field, reason] : fields) {
    auto& all = joined[field];
    if (!all.empty())
      all += "; ";
    all += reason;
  }
  object_writer inner;
  for (auto& [field, reason] : joined)
    append_quoted(inner.quoted_key(field).out_, reason);
  return raw(name, std::move(inner).str());
}

} // namespace troupe

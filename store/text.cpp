#include "store/text.hpp"

#include <clocale>
#include <cstdint>
#include <cwctype>

namespace troupe::store {

namespace {

constexpr uint32_t escape_base = 0x10FE00;

struct code_point {
  uint32_t value = 0;
  /// 0: the byte is not the beginning of a valid sequence.
  size_t length = 0;
};

code_point decode(std::string_view s, size_t i) {
  auto byte = [&](size_t k) { return static_cast<uint8_t>(s[i + k]); };
  uint8_t b = byte(0);
  if (b < 0x80)
    return {b, 1};
  size_t n = b >= 0xF0 && b <= 0xF4 ? 4 : b >= 0xE0 ? 3 : b >= 0xC2 ? 2 : 0;
  if (n == 0 || b > 0xF4 || i + n > s.size())
    return {};
  uint32_t v = b & (0x7Fu >> n);
  for (size_t k = 1; k < n; ++k) {
    if ((byte(k) & 0xC0) != 0x80)
      return {};
    v = v << 6 | (byte(k) & 0x3Fu);
  }
  constexpr uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (v < smallest[n] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
    return {};
  return {v, n};
}

void append(std::string& out, uint32_t v) {
  if (v < 0x80) {
    out += static_cast<char>(v);
  } else if (v < 0x800) {
    out += static_cast<char>(0xC0 | v >> 6);
    out += static_cast<char>(0x80 | (v & 0x3F));
  } else if (v < 0x10000) {
    out += static_cast<char>(0xE0 | v >> 12);
    out += static_cast<char>(0x80 | (v >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (v & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | v >> 18);
    out += static_cast<char>(0x80 | (v >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (v >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (v & 0x3F));
  }
}

bool is_escape(uint32_t v) {
  return v >= escape_base && v < escape_base + 256;
}

/// Where the first byte is that the escape has to change; npos if none.
size_t first_to_escape(std::string_view s) {
  for (size_t i = 0; i < s.size();) {
    auto b = static_cast<uint8_t>(s[i]);
    if (b != 0 && b < 0x80) {
      ++i;
      continue;
    }
    auto cp = decode(s, i);
    if (b == 0 || cp.length == 0 || is_escape(cp.value))
      return i;
    i += cp.length;
  }
  return std::string_view::npos;
}

locale_t unicode_locale() {
  static locale_t loc = [] {
    auto l = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return l ? l : newlocale(LC_CTYPE_MASK, "C", nullptr);
  }();
  return loc;
}

} // namespace

void escape_to_utf8(std::string& text) {
  auto i = first_to_escape(text);
  if (i == std::string::npos)
    return;
  std::string out = text.substr(0, i);
  while (i < text.size()) {
    auto cp = decode(text, i);
    if (cp.length == 0 || cp.value == 0 || is_escape(cp.value)) {
      append(out, escape_base + static_cast<uint8_t>(text[i]));
      ++i;
    } else {
      out.append(text, i, cp.length);
      i += cp.length;
    }
  }
  text = std::move(out);
}

void unescape_from_utf8(std::string& text) {
  // U+10FExx begins with F4 8F B8..BB; hardly any text has an F4.
  auto i = text.find('\xF4');
  if (i == std::string::npos)
    return;
  std::string out = text.substr(0, i);
  while (i < text.size()) {
    auto cp = decode(text, i);
    if (cp.length == 4 && is_escape(cp.value))
      out += static_cast<char>(cp.value - escape_base);
    else
      out.append(text, i, cp.length ? cp.length : 1);
    i += cp.length ? cp.length : 1;
  }
  text = std::move(out);
}

std::string fold_case(std::string_view text) {
  constexpr size_t max_bytes = 1000;
  std::string out;
  for (size_t i = 0; i < text.size();) {
    auto cp = decode(text, i);
    auto before = out.size();
    if (cp.length == 0)
      out += text[i];
    else
      append(out, static_cast<uint32_t>(towlower_l(static_cast<wint_t>(cp.value), unicode_locale())));
    if (out.size() > max_bytes) {
      out.resize(before);
      break;
    }
    i += cp.length ? cp.length : 1;
  }
  return out;
}

std::string like_pattern(std::string_view text) {
  std::string out = "%";
  for (char c : text) {
    if (c == '%' || c == '_' || c == '!')
      out += '!';
    out += c;
  }
  return out + '%';
}

} // namespace troupe::store

#include "protocol/model/trace.hpp"

#include <algorithm>
#include <cstdint>
#include <random>

namespace troupe {

namespace {

// "00-" trace "-" parent "-" flags
constexpr size_t trace_at = 3, trace_size = 32;
constexpr size_t parent_at = trace_at + trace_size + 1, parent_size = 16;
constexpr size_t flags_at = parent_at + parent_size + 1, flags_size = 2;
constexpr size_t total_size = flags_at + flags_size;

constexpr std::string_view digits = "0123456789abcdef";

bool is_hex(std::string_view text) noexcept {
  return text.find_first_not_of(digits) == std::string_view::npos;
}

bool is_id(std::string_view text) noexcept {
  return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

void append_hex(std::string& out, uint64_t value) {
  for (int shift = 60; shift >= 0; shift -= 4)
    out += digits[(value >> shift) & 15];
}

/// Never 0: all-zero ids are invalid.
uint64_t random_part() {
  thread_local std::mt19937_64 source = [] {
    std::random_device seed;
    std::seed_seq mixed{seed(), seed(), seed(), seed()};
    return std::mt19937_64{mixed};
  }();
  return std::max<uint64_t>(source(), 1);
}

bool is_valid(std::string_view x) noexcept {
  if (x.size() < total_size || x[2] != '-' || x[parent_at - 1] != '-' || x[flags_at - 1] != '-')
    return false;
  auto version = x.substr(0, 2);
  if (!is_hex(version) || version == "ff")
    return false;
  // Later versions may append fields; version 00 has none.
  if (x.size() > total_size && (version == "00" || x[total_size] != '-'))
    return false;
  return is_id(x.substr(trace_at, trace_size)) && is_id(x.substr(parent_at, parent_size))
         && is_hex(x.substr(flags_at, flags_size));
}

} // namespace

std::optional<std::string> accept_traceparent(std::string_view value) {
  if (!is_valid(value))
    return std::nullopt;
  std::string out{value.substr(0, total_size)};
  if (!value.starts_with("00")) {
    out.replace(0, 2, "00");
    out.replace(flags_at, flags_size, (digits.find(value[flags_at + 1]) & 1) != 0 ? "01" : "00");
  }
  return out;
}

std::string new_traceparent() {
  std::string out;
  out.reserve(total_size);
  out += "00-";
  append_hex(out, random_part());
  append_hex(out, random_part());
  out += '-';
  append_hex(out, random_part());
  out += "-00";
  return out;
}

std::string_view trace_id_of(std::string_view traceparent) noexcept {
  return is_valid(traceparent) ? traceparent.substr(trace_at, trace_size) : std::string_view{};
}

std::string log_mark(std::string_view request_id, std::string_view traceparent) {
  auto trace = trace_id_of(traceparent);
  if (request_id.empty() && trace.empty())
    return {};
  std::string out = " [";
  if (!request_id.empty())
    out.append("request=").append(request_id);
  if (!trace.empty())
    out.append(request_id.empty() ? "trace=" : " trace=").append(trace);
  return out += ']';
}

} // namespace troupe

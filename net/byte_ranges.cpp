#include "net/byte_ranges.hpp"

#include "net/headers.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace troupe::net {

namespace {

/// Digits only; a number that does not fit is as good as the largest one.
bool parse_number(std::string_view text, uint64_t& out) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos)
    return false;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (code == std::errc::result_out_of_range)
    out = std::numeric_limits<uint64_t>::max();
  return true;
}

enum class outcome : uint8_t { malformed, empty, good };

outcome parse_one(std::string_view spec, uint64_t size, byte_range& out) {
  auto dash = spec.find('-');
  if (dash == std::string_view::npos)
    return outcome::malformed;
  auto first_text = spec.substr(0, dash);
  auto last_text = spec.substr(dash + 1);
  uint64_t first = 0;
  uint64_t last = 0;
  if (first_text.empty()) {
    uint64_t suffix = 0;
    if (!parse_number(last_text, suffix))
      return outcome::malformed;
    auto length = std::min(suffix, size);
    out = {size - length, length};
    return length == 0 ? outcome::empty : outcome::good;
  }
  if (!parse_number(first_text, first))
    return outcome::malformed;
  if (last_text.empty())
    last = std::numeric_limits<uint64_t>::max();
  else if (!parse_number(last_text, last) || last < first)
    return outcome::malformed;
  if (first >= size)
    return outcome::empty;
  out = {first, std::min(last, size - 1) - first + 1};
  return outcome::good;
}

/// Joins ranges that overlap or touch, so that no byte is sent twice.
std::vector<byte_range> joined(std::vector<byte_range> ranges) {
  auto sorted = ranges;
  std::sort(sorted.begin(), sorted.end(), [](auto& a, auto& b) { return a.first < b.first; });
  std::vector<byte_range> out;
  for (auto& r : sorted) {
    if (!out.empty() && r.first <= out.back().first + out.back().length)
      out.back().length = std::max(out.back().length, r.first + r.length - out.back().first);
    else
      out.push_back(r);
  }
  // Nothing was joined: the client's own order (RFC 9110, 15.3.7.2).
  return out.size() == ranges.size() ? ranges : out;
}

} // namespace

range_answer parse_range(std::string_view header, uint64_t size) {
  range_answer out;
  auto equals = header.find('=');
  if (equals == std::string_view::npos || !equals_ignoring_case(trim(header.substr(0, equals)), "bytes"))
    return out;
  auto specs = split_list(header.substr(equals + 1));
  if (specs.empty() || specs.size() > max_ranges)
    return out;
  for (auto spec : specs) {
    byte_range r;
    auto parsed = parse_one(spec, size, r);
    if (parsed == outcome::malformed)
      return {};
    if (parsed == outcome::good)
      out.ranges.push_back(r);
  }
  out.what = out.ranges.empty() ? range_answer::kind::unsatisfiable : range_answer::kind::partial;
  out.ranges = joined(std::move(out.ranges));
  return out;
}

} // namespace troupe::net

#include "protocol/model/byte_spans.hpp"

#include <algorithm>
#include <iterator>

namespace troupe {

void byte_spans::add(byte_span x) {
  if (x.begin >= x.end)
    return;
  auto at = spans_.upper_bound(x.begin);
  if (at != spans_.begin() && std::prev(at)->second >= x.begin)
    --at;
  while (at != spans_.end() && at->first <= x.end) {
    x.begin = std::min(x.begin, at->first);
    x.end = std::max(x.end, at->second);
    at = spans_.erase(at);
  }
  spans_.emplace(x.begin, x.end);
}

void byte_spans::remove(byte_span x) {
  if (x.begin >= x.end)
    return;
  auto at = spans_.upper_bound(x.begin);
  if (at != spans_.begin() && std::prev(at)->second > x.begin)
    --at;
  while (at != spans_.end() && at->first < x.end) {
    const byte_span part{at->first, at->second};
    at = spans_.erase(at);
    if (part.begin < x.begin)
      spans_.emplace(part.begin, x.begin);
    if (part.end > x.end)
      spans_.emplace(x.end, part.end);
  }
}

byte_span byte_spans::around(uint64_t at) const {
  auto behind = spans_.upper_bound(at);
  if (behind == spans_.begin() || std::prev(behind)->second <= at)
    return {at, at};
  return {std::prev(behind)->first, std::prev(behind)->second};
}

bool byte_spans::covers(byte_span x) const {
  return x.begin >= x.end || around(x.begin).end >= x.end;
}

std::vector<byte_span> byte_spans::missing(byte_span x) const {
  std::vector<byte_span> out;
  while (x.begin < x.end) {
    if (auto part = around(x.begin); part.end > x.begin) {
      x.begin = part.end;
      continue;
    }
    auto next = spans_.upper_bound(x.begin);
    const auto end = next == spans_.end() ? x.end : std::min(x.end, next->first);
    out.push_back({x.begin, end});
    x.begin = end;
  }
  return out;
}

std::vector<byte_span> byte_spans::list() const {
  std::vector<byte_span> out;
  for (auto& [begin, end] : spans_)
    out.push_back({begin, end});
  return out;
}

uint64_t byte_spans::bytes() const noexcept {
  uint64_t sum = 0;
  for (auto& [begin, end] : spans_)
    sum += end - begin;
  return sum;
}

} // namespace troupe

#include "actors/media/span_set.hpp"

#include <algorithm>

namespace troupe::work {

void span_set::add(ports::byte_span x) {
  if (x.begin >= x.end)
    return;
  auto at = parts_.upper_bound(x.begin);
  if (at != parts_.begin() && std::prev(at)->second >= x.begin)
    --at;
  while (at != parts_.end() && at->first <= x.end) {
    x.begin = std::min(x.begin, at->first);
    x.end = std::max(x.end, at->second);
    at = parts_.erase(at);
  }
  parts_.emplace(x.begin, x.end);
}

void span_set::remove(ports::byte_span x) {
  if (x.begin >= x.end)
    return;
  auto at = parts_.upper_bound(x.begin);
  if (at != parts_.begin() && std::prev(at)->second > x.begin)
    --at;
  while (at != parts_.end() && at->first < x.end) {
    const ports::byte_span part{at->first, at->second};
    at = parts_.erase(at);
    if (part.begin < x.begin)
      parts_.emplace(part.begin, x.begin);
    if (part.end > x.end)
      parts_.emplace(x.end, part.end);
  }
}

ports::byte_span span_set::around(uint64_t at) const {
  auto behind = parts_.upper_bound(at);
  if (behind == parts_.begin() || std::prev(behind)->second <= at)
    return {at, at};
  return {std::prev(behind)->first, std::prev(behind)->second};
}

bool span_set::covers(ports::byte_span x) const {
  return x.begin >= x.end || around(x.begin).end >= x.end;
}

std::vector<ports::byte_span> span_set::gaps(ports::byte_span x) const {
  std::vector<ports::byte_span> out;
  while (x.begin < x.end) {
    if (auto part = around(x.begin); part.end > x.begin) {
      x.begin = part.end;
      continue;
    }
    auto next = parts_.upper_bound(x.begin);
    const auto end = next == parts_.end() ? x.end : std::min(x.end, next->first);
    out.push_back({x.begin, end});
    x.begin = end;
  }
  return out;
}

uint64_t span_set::bytes() const noexcept {
  uint64_t sum = 0;
  for (auto& [begin, end] : parts_)
    sum += end - begin;
  return sum;
}

} // namespace troupe::work

#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <vector>

namespace troupe::ports {

/// Bytes [begin, end) of a file.
struct byte_span {
  uint64_t begin = 0;
  uint64_t end = 0;

  bool operator==(const byte_span&) const = default;
};

/// Which bytes of a file are there: spans in order, no two touching.
class byte_spans {
public:
  /// An empty span adds nothing.
  void add(byte_span x) {
    if (x.begin >= x.end)
      return;
    auto i = spans_.upper_bound(x.begin);
    if (i != spans_.begin() && std::prev(i)->second >= x.begin)
      --i;
    while (i != spans_.end() && i->first <= x.end) {
      x.begin = std::min(x.begin, i->first);
      x.end = std::max(x.end, i->second);
      i = spans_.erase(i);
    }
    spans_.emplace(x.begin, x.end);
  }

  /// What of `x` is not there, in order.
  std::vector<byte_span> missing(byte_span x) const {
    std::vector<byte_span> out;
    auto i = spans_.upper_bound(x.begin);
    if (i != spans_.begin())
      x.begin = std::max(x.begin, std::prev(i)->second);
    for (; i != spans_.end() && i->first < x.end && x.begin < x.end; ++i) {
      out.push_back({x.begin, i->first});
      x.begin = i->second;
    }
    if (x.begin < x.end)
      out.push_back(x);
    return out;
  }

  std::vector<byte_span> list() const {
    std::vector<byte_span> out;
    for (auto& [begin, end] : spans_)
      out.push_back({begin, end});
    return out;
  }

  uint64_t bytes() const {
    uint64_t out = 0;
    for (auto& [begin, end] : spans_)
      out += end - begin;
    return out;
  }

private:
  /// begin → end
  std::map<uint64_t, uint64_t> spans_;
};

} // namespace troupe::ports

#include "actors/dispatch/speeds.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::dispatch {

void speeds::measured(uint32_t node, uint32_t kind, double work, double seconds) {
  if (!(work > 0) || !(seconds > 0) || !std::isfinite(work / seconds))
    return;
  if (kinds_.size() <= kind)
    kinds_.resize(kind + 1);
  auto& k = kinds_[kind];
  if (k.by_node.size() <= node)
    k.by_node.resize(node + 1);
  auto& speed = k.by_node[node];
  speed = speed == 0 ? work / seconds : speed + newest * (work / seconds - speed);
  ++k.measurements;
  if (++k.since_median >= std::min(stale, (k.measurements + 1) / 2))
    count_median(k);
}

void speeds::count_median(of_kind& k) {
  k.since_median = 0;
  std::vector<double> known;
  for (auto s : k.by_node)
    if (s > 0)
      known.push_back(s);
  auto middle = known.begin() + static_cast<std::ptrdiff_t>(known.size() / 2);
  std::nth_element(known.begin(), middle, known.end());
  k.median = *middle;
}

double speeds::of(uint32_t node, uint32_t kind) const noexcept {
  return kind < kinds_.size() && node < kinds_[kind].by_node.size() ? kinds_[kind].by_node[node] : 0;
}

double speeds::median(uint32_t kind) const noexcept {
  return kind < kinds_.size() ? kinds_[kind].median : 0;
}

double speeds::relative(uint32_t node, uint32_t kind) const noexcept {
  auto speed = of(node, kind);
  auto middle = median(kind);
  return speed > 0 && middle > 0 ? speed / middle : 1;
}

} // namespace troupe::dispatch

#pragma once

#include <cstdint>
#include <vector>

namespace troupe::dispatch {

/// How fast nodes are, by kind of work: units of work a second, as completed attempts showed it (exponentially
/// weighted, newest first). Nodes and kinds are small numbers that the caller gives out. A node that is not measured
/// yet counts as the median of the others.
class speeds {
public:
  /// An attempt of so much work was completed in this time. Ignored when either is nothing.
  void measured(uint32_t node, uint32_t kind, double work, double seconds);
  /// 0: not measured.
  double of(uint32_t node, uint32_t kind) const noexcept;
  /// Of the nodes that are measured; 0 when none is. At most `stale` measurements old.
  double median(uint32_t kind) const noexcept;
  /// Against the median: 1 when either is not known.
  double relative(uint32_t node, uint32_t kind) const noexcept;

private:
  static constexpr double newest = 0.3;
  /// The median is counted again after so many measurements of the kind, or as soon as there are twice as many.
  static constexpr uint32_t stale = 256;

  struct of_kind {
    std::vector<double> by_node;
    double median = 0;
    uint32_t since_median = 0;
    uint32_t measurements = 0;
  };
  void count_median(of_kind& k);

  std::vector<of_kind> kinds_;
};

} // namespace troupe::dispatch

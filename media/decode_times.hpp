#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

namespace troupe::media {

/// Gives packets the decoding times that one encoder would have given them all: the same times as those of showing, in
/// rising order, begun `delay` frames earlier. One thread.
class decode_times {
public:
  /// `delay`: how many packets at most come before one that is shown earlier.
  explicit decode_times(size_t delay) : delay_(delay) {
  }

  /// When the next packet, in the order of decoding, is shown. No two are shown at the same time.
  void push(int64_t pts);
  /// The decoding time of the first packet that has none yet. Nothing: more have to be pushed first, unless `all` came.
  std::optional<int64_t> pop(bool all);

private:
  void begin();

  size_t delay_;
  size_t pushed_ = 0;
  size_t popped_ = 0;
  /// Times of showing that are not yet used as decoding times, earliest first.
  std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> waiting_;
  /// The decoding times before the first frame is shown.
  std::vector<int64_t> lead_;
  bool begun_ = false;
};

} // namespace troupe::media

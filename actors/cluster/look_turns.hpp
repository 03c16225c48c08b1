#pragma once

#include <cstdint>
#include <utility>

namespace troupe::cluster {

/// Of an actor that looks at something again and again, one look at a time: whoever asks meanwhile gets another one
/// afterwards. Not thread safe.
class look_turns {
public:
  /// False: one is under way, and is repeated when it has ended.
  bool begin() noexcept {
    if (looking_) {
      again_ = true;
      return false;
    }
    ++last_;
    return looking_ = true;
  }
  /// True: it was asked for again meanwhile.
  bool end() noexcept {
    looking_ = false;
    return std::exchange(again_, false);
  }
  /// The last one that was begun; what is about an older one is void.
  uint64_t last() const noexcept {
    return last_;
  }
  bool under_way(uint64_t look) const noexcept {
    return looking_ && look == last_;
  }

private:
  uint64_t last_ = 0;
  bool looking_ = false;
  bool again_ = false;
};

} // namespace troupe::cluster

#pragma once

// What makes values in the shared second level (Redis) safe to use. Actor-free.

#include "protocol/model/time.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::cache {

/// A value as it lies in the second level: "troupe1 <milliseconds since 1970 at which its load began>\n<payload>".
std::string wrap(timestamp load_began, std::string_view payload);

struct unwrapped {
  timestamp load_began;
  std::string_view payload;
};
/// nullopt for anything that wrap did not write.
std::optional<unwrapped> unwrap(std::string_view text) noexcept;

/// Which values of the second level are too old to be used. The second level can't be searched by prefix and may be
/// away when something changes, so nothing relies on erasing there: a value counts only when its load began after the
/// last change of anything that its key stands for, and after this node's start (before it, changes went unnoticed).
class change_log {
public:
  /// @param keep longest time to live of any value.
  change_log(timestamp start, milliseconds keep) : keep_(keep), all_changed_(start) {
  }

  void changed(std::string prefix, timestamp now);

  /// True: as good as a value of the first level that began to load at this time.
  bool usable(std::string_view key, timestamp load_began, timestamp now) const noexcept;

private:
  struct change {
    std::string prefix;
    timestamp at;
  };

  milliseconds keep_;
  timestamp all_changed_;
  std::vector<change> changes_;
};

} // namespace troupe::cache

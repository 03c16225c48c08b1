#pragma once

// When a part that takes long is begun a second time somewhere else. Pure decisions.

#include "protocol/model/time.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace troupe::dispatch {

struct straggler_rules {
  /// A copy has to be done in this part of the time that the first one still takes. 0: none is ever made.
  double at_most = 0.5;
  /// And save at least so much.
  milliseconds worth{3'000};
  /// What has begun just now says nothing.
  milliseconds least_run{3'000};
};

/// A part that runs.
struct running_part {
  milliseconds since{0};
  /// 0 to 1.
  double fraction = 0;
  /// How long the whole part takes the node that would make a copy.
  milliseconds elsewhere{0};
  /// For how long it has shown nothing new.
  milliseconds still{0};
  /// `elsewhere` is of other work, of the same film: good to see that it has stopped, and not that it is slow.
  bool guessed = false;
};

/// How long it still takes where it runs, as far as it shows; nothing: it has not begun to show.
std::optional<milliseconds> time_left(const running_part& x);

/// Is a copy worth it? One that shows nothing after twice the time that another node takes for all of it is; and one
/// that has stopped for as long as that takes.
bool worth_a_copy(const running_part& x, const straggler_rules& rules);

/// What every worker of the node offers beside what it says.
std::string node_capability(std::string_view node_name);

} // namespace troupe::dispatch

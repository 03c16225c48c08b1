#pragma once

#include "protocol/model/time.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace troupe::dispatch {

/// Which nodes people are to be told of, and when: of each at most once an interval, how it is then. Actor-free.
class node_news {
public:
  static constexpr milliseconds interval{250};

  explicit node_news(milliseconds every = interval) : every_(every) {
  }

  void changed(const std::set<std::string>& names);
  /// Those to tell of now.
  std::vector<std::string> take(mono_time now);
  /// When take has something; mono_time::max() if nothing is pending.
  mono_time next() const;

private:
  milliseconds every_;
  std::set<std::string> pending_;
  std::map<std::string, mono_time> told_;
};

} // namespace troupe::dispatch

#pragma once

#include "protocol/model/ids.hpp"

#include <deque>
#include <string>
#include <unordered_map>

namespace troupe::dispatch {

/// The node that each worker was first of: an id is of that name for as long as this is remembered, also while its
/// worker is away. Bounded, for ids are made by who says hello: the oldest is forgotten first. What the queue knows of
/// leases comes before this. Not thread safe.
class worker_names {
public:
  /// Of an id that has a name already: nothing happens.
  void note(worker_id id, const std::string& node);
  /// Empty for one that was not here.
  std::string of(worker_id id) const;

  static constexpr size_t most = 4096;

private:
  std::unordered_map<worker_id, std::string> names_;
  /// The oldest first.
  std::deque<worker_id> order_;
};

} // namespace troupe::dispatch

#include "actors/dispatch/worker_names.hpp"

namespace troupe::dispatch {

void worker_names::note(worker_id id, const std::string& node) {
  if (!names_.try_emplace(id, node).second)
    return;
  order_.push_back(id);
  if (order_.size() <= most)
    return;
  names_.erase(order_.front());
  order_.pop_front();
}

std::string worker_names::of(worker_id id) const {
  auto i = names_.find(id);
  return i == names_.end() ? std::string{} : i->second;
}

} // namespace troupe::dispatch

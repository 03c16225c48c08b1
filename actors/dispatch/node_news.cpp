#include "actors/dispatch/node_news.hpp"

#include <algorithm>

namespace troupe::dispatch {

void node_news::changed(const std::set<std::string>& names) {
  pending_.insert(names.begin(), names.end());
}

std::vector<std::string> node_news::take(mono_time now) {
  std::erase_if(told_, [&](auto& x) { return x.second + every_ <= now; });
  std::vector<std::string> out;
  for (auto& name : pending_)
    if (told_.try_emplace(name, now).second)
      out.push_back(name);
  for (auto& name : out)
    pending_.erase(name);
  return out;
}

mono_time node_news::next() const {
  auto at = mono_time::max();
  for (auto& name : pending_) {
    auto told = told_.find(name);
    at = std::min(at, told == told_.end() ? mono_time{} : told->second + every_);
  }
  return at;
}

} // namespace troupe::dispatch

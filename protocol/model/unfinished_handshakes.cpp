#include "protocol/model/unfinished_handshakes.hpp"

#include <algorithm>
#include <map>
#include <string_view>

namespace troupe {

unfinished_handshakes::unfinished_handshakes(std::chrono::milliseconds patience) : patience_(patience) {
}

std::optional<int> unfinished_handshakes::began(int id, std::string address, limits allowed, time_point now) {
  open_.push_back({id, std::move(address), now});
  std::map<std::string_view, size_t> callers;
  size_t count = 0;
  for (auto& x : open_)
    if (!x.told && !x.address.empty()) {
      ++callers[x.address];
      ++count;
    }
  auto from = callers.find(open_.back().address);
  if (from == callers.end() || from->second <= allowed.most_each) {
    if (count <= allowed.most)
      return {};
    from = std::max_element(callers.begin(), callers.end(), [](auto& a, auto& b) { return a.second < b.second; });
  }
  const auto oldest =
    std::find_if(open_.begin(), open_.end(), [&](auto& x) { return !x.told && x.address == from->first; });
  oldest->told = true;
  return oldest->id;
}

void unfinished_handshakes::ended(int id) {
  std::erase_if(open_, [id](auto& x) { return x.id == id; });
}

std::vector<int> unfinished_handshakes::take_overdue(time_point now) {
  std::vector<int> out;
  for (auto& x : open_)
    if (!x.told && now - x.began >= patience_) {
      x.told = true;
      out.push_back(x.id);
    }
  return out;
}

std::optional<unfinished_handshakes::time_point> unfinished_handshakes::next_overdue() const {
  const auto oldest = std::find_if(open_.begin(), open_.end(), [](auto& x) { return !x.told; });
  return oldest == open_.end() ? std::nullopt : std::optional{oldest->began + patience_};
}

} // namespace troupe

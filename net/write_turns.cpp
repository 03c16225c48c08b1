#include "net/write_turns.hpp"

namespace troupe::net {

write_turns::turn write_turns::make_turn(const std::string& thing) {
  return {nullptr, [self = shared_from_this(), thing](void*) { self->next(thing); }};
}

void write_turns::take(const std::string& thing, exchange& x, task what) {
  {
    std::lock_guard guard{mutex_};
    auto [i, free] = busy_.try_emplace(thing);
    if (!free) {
      i->second.push_back({x.hold(), std::move(what)});
      return;
    }
  }
  what(x, make_turn(thing));
}

void write_turns::next(const std::string& thing) {
  std::optional<waiter> first;
  {
    std::lock_guard guard{mutex_};
    auto i = busy_.find(thing);
    if (i->second.empty()) {
      busy_.erase(i);
      return;
    }
    first = std::move(i->second.front());
    i->second.pop_front();
  }
  // A request that is over drops the task, and the turn with it: the one after it follows.
  first->request.post(
    [request = first->request, what = std::move(first->what), mine = make_turn(thing)] { what(*request, mine); });
}

} // namespace troupe::net

#include "net/active_users.hpp"

namespace troupe::net {

void active_users::forget_old(clock::time_point now) {
  std::erase_if(entries_, [&](auto& e) { return e.second.connections == 0 && now - e.second.last >= window; });
}

void active_users::saw(std::string_view address, clock::time_point now) {
  // Most requests come from whom this thread has just answered.
  struct recent {
    const active_users* of = nullptr;
    std::string address;
    clock::time_point at{};
  };
  thread_local recent last;
  constexpr std::chrono::seconds exact_enough{1};
  if (last.of == this && last.address == address && now - last.at < exact_enough && now >= last.at)
    return;
  last = {this, std::string{address}, now};
  std::lock_guard guard{mutex_};
  if (entries_.size() >= max_addresses)
    forget_old(now);
  if (entries_.size() >= max_addresses && !entries_.contains(last.address))
    return;
  entries_[last.address].last = now;
}

void active_users::opened(const std::string& address) {
  std::lock_guard guard{mutex_};
  ++entries_[address].connections;
}

void active_users::closed(const std::string& address, clock::time_point now) {
  std::lock_guard guard{mutex_};
  auto& e = entries_[address];
  --e.connections;
  e.last = now;
}

size_t active_users::count(clock::time_point now) {
  std::lock_guard guard{mutex_};
  forget_old(now);
  return entries_.size();
}

} // namespace troupe::net

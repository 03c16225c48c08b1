#include "actors/gateway/live_positions.hpp"

namespace troupe::gateway {

bool live_positions::topic::advance(uint64_t to_epoch, uint64_t to_seq) {
  if (to_epoch == epoch && to_seq <= seq)
    return false;
  epoch = to_epoch;
  seq = to_seq;
  return true;
}

void live_positions::told(const event_position& position) {
  // Several clients may catch up with one topic: the furthest counts.
  auto& t = topics_[position.topic];
  if (!t.catching_up)
    t.advance(position.epoch, position.seq);
}

void live_positions::forget(const std::string& name) {
  topics_.erase(name);
}

std::vector<event> live_positions::pass(std::vector<event> batch) {
  std::vector<event> out;
  out.reserve(batch.size());
  for (auto& e : batch) {
    auto i = topics_.find(e.topic);
    if (i != topics_.end() && i->second.catching_up) {
      i->second.held.push_back(std::move(e));
      continue;
    }
    // Without a position the first client still catches up: it knows by itself what it was told.
    if (i != topics_.end())
      i->second.advance(e.epoch, e.seq);
    out.push_back(std::move(e));
  }
  return out;
}

void live_positions::start_over() {
  due_.clear();
  for (auto& [name, t] : topics_) {
    t.catching_up = true;
    t.held.clear();
    due_.push_back(name);
  }
}

std::optional<event_position> live_positions::next() {
  while (!due_.empty()) {
    auto name = std::move(due_.front());
    due_.pop_front();
    // It may have been forgotten, and come up again meanwhile.
    if (auto i = topics_.find(name); i != topics_.end() && i->second.catching_up)
      return event_position{std::move(name), i->second.epoch, i->second.seq};
  }
  return std::nullopt;
}

std::vector<event> live_positions::caught_up(const event_position& position, std::vector<event> missed) {
  auto i = topics_.find(position.topic);
  if (i == topics_.end() || !i->second.catching_up)
    return {};
  auto& t = i->second;
  t.catching_up = false;
  t.epoch = position.epoch;
  t.seq = position.seq;
  auto out = std::move(missed);
  for (auto& e : std::exchange(t.held, {}))
    if (t.advance(e.epoch, e.seq))
      out.push_back(std::move(e));
  return out;
}

} // namespace troupe::gateway

#include "actors/notify/event_log.hpp"

#include <algorithm>

namespace troupe::notify {

namespace {

size_t weight(const event& x) {
  return sizeof(event) + x.topic.size() + x.type.size() + x.data.size();
}

} // namespace

event_log::event_log(event_log_config config, const clock& clk, uint64_t epoch) :
  config_(config), clock_(&clk), epoch_(epoch) {
}

void event_log::publish(event what, std::vector<event>& out) {
  what.at = clock_->wall();
  what.epoch = epoch_;
  auto& t = find_or_make(what.topic, out);
  // Progress of an ended topic: it lives again (a job that is retried).
  stop_end_timer(t);
  if (what.coalesce && !what.last) {
    hold(t, std::move(what), out);
    return;
  }
  tell_waiting(t, out);
  bool last = what.last;
  tell(t, std::move(what), out);
  if (last)
    start_end_timer(t);
}

void event_log::tick(std::vector<event>& out) {
  auto now = clock_->mono();
  while (!waiting_.empty() && waiting_.begin()->first.first <= now) {
    auto t = waiting_.begin()->second;
    auto s = std::find_if(t->slots.begin(), t->slots.end(),
                          [&](auto& x) { return x.waiting && x.timer == waiting_.begin()->first; });
    waiting_.erase(waiting_.begin());
    s->waiting = false;
    s->due = now + config_.progress_interval;
    tell(*t, std::move(s->newest), out);
  }
  while (!ended_.empty() && ended_.begin()->first.first <= now)
    forget(ended_.begin()->second, out);
}

void event_log::lapse(const std::string& name, std::vector<event>& out) {
  if (auto i = by_name_.find(name); i != by_name_.end())
    forget(i->second, out);
  // A follower may stand at the very last number, or at the floor of a topic that never told anything.
  ++forgotten_floor_;
}

mono_time event_log::next_deadline() const {
  auto result = mono_time::max();
  if (!waiting_.empty())
    result = std::min(result, waiting_.begin()->first.first);
  if (!ended_.empty())
    result = std::min(result, ended_.begin()->first.first);
  return result;
}

mesh::caught_up event_log::catch_up(const event_position& since) const {
  mesh::caught_up result;
  auto i = by_name_.find(since.topic);
  bool known = i != by_name_.end();
  auto seq = known ? i->second->seq : forgotten_floor_;
  auto floor = known ? i->second->floor : forgotten_floor_;
  result.position = {since.topic, epoch_, seq};
  if (since.epoch == 0)
    return result;
  if (since.epoch != epoch_ || since.seq < floor || since.seq > seq) {
    result.gap = true;
    return result;
  }
  if (known) {
    auto& kept = i->second->kept;
    auto first =
      std::upper_bound(kept.begin(), kept.end(), since.seq, [](uint64_t s, const event& e) { return s < e.seq; });
    result.events.assign(first, kept.end());
  }
  return result;
}

/// Finds or makes a topic.
event_log::topic& event_log::find_or_make(const std::string& name, std::vector<event>& out) {
  if (auto i = by_name_.find(name); i != by_name_.end())
    return *i->second;
  while (!by_name_.empty() && by_name_.size() >= config_.max_topics)
    forget(empty_.empty() ? topics_.begin() : empty_.begin(), out);
  auto& t = empty_.emplace_back();
  t.name = name;
  t.seq = t.floor = forgotten_floor_;
  by_name_.emplace(name, std::prev(empty_.end()));
  return t;
}

void event_log::hold(topic& t, event what, std::vector<event>& out) {
  auto now = clock_->mono();
  auto s = std::find_if(t.slots.begin(), t.slots.end(), [&](auto& x) { return x.type == what.type; });
  if (s == t.slots.end()) {
    t.slots.push_back({what.type, now + config_.progress_interval, false, {}, {}});
    tell(t, std::move(what), out);
    return;
  }
  if (s->waiting) {
    s->newest = std::move(what);
    return;
  }
  if (now + config_.early >= s->due) {
    s->due = std::max(now, s->due) + config_.progress_interval;
    tell(t, std::move(what), out);
    return;
  }
  s->waiting = true;
  s->timer = {s->due, ++order_};
  s->newest = std::move(what);
  waiting_.emplace(s->timer, by_name_.find(t.name)->second);
}

void event_log::tell(topic& t, event what, std::vector<event>& out) {
  what.seq = ++t.seq;
  if (what.coalesce)
    drop_replaced(t, what);
  ++kept_events_;
  kept_bytes_ += weight(what);
  t.kept.push_back(what);
  out.push_back(std::move(what));
  topics_.splice(topics_.end(), t.is_empty ? empty_ : topics_, by_name_.find(t.name)->second);
  t.is_empty = false;
  keep_bounds(t);
}

void event_log::tell_waiting(topic& t, std::vector<event>& out) {
  std::vector<slot*> ready;
  for (auto& s : t.slots)
    if (s.waiting)
      ready.push_back(&s);
  std::sort(ready.begin(), ready.end(), [](auto* a, auto* b) { return a->timer.second < b->timer.second; });
  for (auto* s : ready) {
    waiting_.erase(s->timer);
    s->waiting = false;
    s->due = clock_->mono() + config_.progress_interval;
    tell(t, std::move(s->newest), out);
  }
}

void event_log::drop_replaced(topic& t, const event& newer) {
  // From the end: the one before is nearly always among the last few.
  for (auto i = t.kept.rbegin(); i != t.kept.rend(); ++i) {
    if (!i->coalesce || i->type != newer.type)
      continue;
    --kept_events_;
    kept_bytes_ -= weight(*i);
    t.kept.erase(std::next(i).base());
    return;
  }
}

void event_log::drop_oldest(topic& t) {
  auto& oldest = t.kept.front();
  // What replaced progress leaves behind in the numbers is no gap, but nothing before this event can be told any more.
  t.floor = oldest.seq;
  --kept_events_;
  kept_bytes_ -= weight(oldest);
  t.kept.pop_front();
}

void event_log::keep_bounds(topic& t) {
  while (t.kept.size() > config_.max_events_per_topic)
    drop_oldest(t);
  while (kept_events_ > config_.max_events || kept_bytes_ > config_.max_bytes) {
    auto victim = topics_.begin();
    drop_oldest(*victim);
    if (victim->kept.empty()) {
      victim->is_empty = true;
      empty_.splice(empty_.end(), topics_, victim);
    }
  }
}

void event_log::forget(topic_list::iterator t, std::vector<event>& out) {
  tell_waiting(*t, out);
  stop_end_timer(*t);
  while (!t->kept.empty())
    drop_oldest(*t);
  forgotten_floor_ = std::max(forgotten_floor_, t->seq);
  by_name_.erase(t->name);
  (t->is_empty ? empty_ : topics_).erase(t);
}

void event_log::start_end_timer(topic& t) {
  t.ended = true;
  // Nothing is due to come: the rate limits of its progress can go.
  t.slots.clear();
  t.end_timer = {clock_->mono() + config_.keep_ended, ++order_};
  ended_.emplace(t.end_timer, by_name_.find(t.name)->second);
}

void event_log::stop_end_timer(topic& t) {
  if (!t.ended)
    return;
  t.ended = false;
  ended_.erase(t.end_timer);
}

} // namespace troupe::notify

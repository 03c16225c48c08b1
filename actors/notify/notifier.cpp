#include "actors/notify/notifier.hpp"

#include "actors/notify/topic_book.hpp"
#include "protocol/model/ids.hpp"

namespace troupe::notify {

namespace {

using flush_atom = caf::atom_constant<caf::atom("flush")>;
using wake_atom = caf::atom_constant<caf::atom("wake")>;

/// What the actor tells itself.
using notifier_impl = mesh::notifier::extend<
  // The messages that had arrived are done: send the batches.
  caf::reacts_to<flush_atom>,
  // The event_log's deadline has come.
  caf::reacts_to<wake_atom, uint64_t>>;

struct notifier_state {
  notifier_state() = default;

  const char* name = "notifier";
  notifier_config config;
  std::optional<event_log> log;
  topic_book book;
  std::optional<interest_keeper> interest;
  std::map<subscriber_key, mesh::event_subscriber> subscribers;
  std::map<caf::actor_addr, subscriber_key> keys;
  subscriber_key last_key = 0;
  std::map<subscriber_key, std::vector<event>> batches;
  bool flush_scheduled = false;
  mono_time wake_at = mono_time::max();
  /// Of the one timer that counts: an earlier deadline outdates the timer that is under way.
  uint64_t timer = 0;
};

using self_pointer = notifier_impl::stateful_pointer<notifier_state>;

/// Routes at once, so that a subscriber gets nothing of the time before it followed.
void route(self_pointer self, const std::vector<event>& told) {
  auto& st = self->state;
  if (st.config.mirror)
    for (auto& e : told)
      st.config.mirror->publish(st.config.mirror_channel, to_json(e));
  st.book.route(told, st.batches);
  if (!st.batches.empty() && !st.flush_scheduled) {
    st.flush_scheduled = true;
    self->send(self, flush_atom::value);
  }
}

void plan_wake(self_pointer self) {
  auto& st = self->state;
  auto next = st.log->next_deadline();
  if (st.interest)
    next = std::min(next, st.interest->next_deadline());
  if (next == mono_time::max() || next >= st.wake_at)
    return;
  st.wake_at = next;
  auto delay = std::max(next - st.config.time->mono(), milliseconds{1});
  self->delayed_send(self, delay, wake_atom::value, ++st.timer);
}

void publish(self_pointer self, mesh::publish_events& what) {
  std::vector<event> told;
  for (auto& e : what.events)
    self->state.log->publish(std::move(e), told);
  route(self, told);
  plan_wake(self);
}

void wake(self_pointer self, uint64_t timer) {
  auto& st = self->state;
  if (timer != st.timer)
    return;
  st.wake_at = mono_time::max();
  std::vector<event> told;
  st.log->tick(told);
  if (st.interest)
    for (auto& topic : st.interest->lapsed(st.config.time->mono()))
      st.log->lapse(topic, told);
  route(self, told);
  plan_wake(self);
}

void flush(self_pointer self) {
  auto& st = self->state;
  st.flush_scheduled = false;
  for (auto& [key, events] : std::exchange(st.batches, {}))
    if (auto i = st.subscribers.find(key); i != st.subscribers.end())
      self->send(i->second, mesh::event_batch{std::move(events)});
}

/// Topics that nobody follows any more become unwanted after a while.
void watch_abandoned(self_pointer self) {
  auto& st = self->state;
  auto topics = st.book.take_abandoned();
  if (!st.interest || topics.empty())
    return;
  st.interest->abandoned(topics, st.config.time->mono());
  plan_wake(self);
}

void forget(self_pointer self, const caf::actor_addr& addr) {
  auto& st = self->state;
  auto i = st.keys.find(addr);
  if (i == st.keys.end())
    return;
  st.book.forget(i->second);
  st.batches.erase(i->second);
  st.subscribers.erase(i->second);
  st.keys.erase(i);
  watch_abandoned(self);
}

mesh::done follow(self_pointer self, const mesh::follow_topics& what, const mesh::event_subscriber& who) {
  auto& st = self->state;
  if (!who || what.topics.empty())
    return {};
  auto [i, is_new] = st.keys.try_emplace(who->address(), st.last_key + 1);
  if (is_new) {
    ++st.last_key;
    st.subscribers.emplace(i->second, who);
    self->monitor(who);
  }
  st.book.follow(i->second, what.topics);
  if (st.interest)
    st.interest->followed(what.topics);
  return {};
}

void unfollow(self_pointer self, const mesh::unfollow_topics& what, const mesh::event_subscriber& who) {
  auto& st = self->state;
  if (!who)
    return;
  auto i = st.keys.find(who->address());
  if (i == st.keys.end() || !st.book.unfollow(i->second, what.topics))
    return watch_abandoned(self);
  self->demonitor(who->address());
  forget(self, who->address());
}

notifier_impl::behavior_type behavior(self_pointer self, const notifier_config& config) {
  self->state.config = config;
  self->state.log.emplace(config.log, *config.time, config.epoch);
  if (config.interest && config.mirror)
    config.interest->want_all();
  else if (config.interest)
    self->state.interest.emplace(config.interest, config.interest_linger);
  self->set_down_handler([self](caf::down_msg& msg) { forget(self, msg.source); });
  return {
    [self](mesh::publish_events& what) { publish(self, what); },
    [self](const mesh::follow_topics& what, const mesh::event_subscriber& who) { return follow(self, what, who); },
    [self](const mesh::unfollow_topics& what, const mesh::event_subscriber& who) { unfollow(self, what, who); },
    [self](const mesh::catch_up& what) { return self->state.log->catch_up(what.since); },
    [self](flush_atom) { flush(self); },
    [self](wake_atom, uint64_t timer) { wake(self, timer); },
  };
}

} // namespace

uint64_t random_epoch() {
  // The low half of an id is random, but two ids of one millisecond may be neighbours: spread them.
  return (random_id().lo * 0x9E3779B97F4A7C15ull >> 11) | 1;
}

mesh::notifier spawn_notifier(caf::actor_system& sys, notifier_config config) {
  if (config.epoch == 0)
    config.epoch = random_epoch();
  return sys.spawn(behavior, std::move(config));
}

} // namespace troupe::notify

#include "net/live_shard.hpp"

#include "net/metrics.hpp"

#include <algorithm>

namespace troupe::net {

namespace {

constexpr std::chrono::microseconds gather_time{1'000};

} // namespace

live_shard::live_shard(live_hub& hub, poster post, gatherer gather) :
  hub_(hub), post_(std::make_shared<poster>(std::move(post))), gather_(std::move(gather)) {
}

live_shard::~live_shard() = default;

live_shard::subscription* live_shard::find(const std::string& name, const live_client& client) {
  auto i = topics_.find(name);
  if (i == topics_.end())
    return nullptr;
  for (auto& s : i->second.readers)
    if (s.client == &client)
      return &s;
  return nullptr;
}

size_t live_shard::topics_of(const live_client& client) const {
  auto i = topics_of_.find(&client);
  return i == topics_of_.end() ? 0 : i->second.size();
}

void live_shard::subscribe(live_client& client, event_position since) {
  if (auto s = find(since.topic, client)) {
    client.on_subscribed({since.topic, s->epoch, s->seq});
    client.flush();
    return;
  }
  auto name = since.topic;
  auto& t = topics_[name];
  auto serial = ++serial_;
  t.readers.push_back({&client, since.epoch, since.seq, true, {}, serial});
  topics_of_[&client].push_back(name);
  if (t.readers.size() == 1) {
    // Follow before asking what was missed: no event can fall in between.
    topic_count_.store(topics_.size(), std::memory_order_release);
    hub_.backend().follow(name);
  }
  hub_.backend().catch_up(
    std::move(since), [this, post = post_, weak = client.weak_client(), name, serial](result<ports::replay> outcome) {
      auto shared = std::make_shared<result<ports::replay>>(std::move(outcome));
      // The client's being there means that the thread and so the shard are too.
      if (auto alive = weak.lock())
        (*post)([this, weak, name, serial, shared] { caught_up(weak, name, serial, std::move(*shared)); });
    });
}

bool live_shard::advance(subscription& s, const rendered_event& what) {
  if (what.epoch == s.epoch && what.seq <= s.seq)
    return false;
  s.epoch = what.epoch;
  s.seq = what.seq;
  return true;
}

void live_shard::caught_up(const std::weak_ptr<live_client>& weak, const std::string& name, uint64_t serial,
                           result<ports::replay> outcome) {
  auto client = weak.lock();
  auto s = client ? find(name, *client) : nullptr;
  if (!s || s->serial != serial)
    return;
  if (!outcome) {
    remove_reader(name, *client);
    client->on_subscribe_failed(name, outcome.error());
    client->flush();
    return;
  }
  s->epoch = outcome->position.epoch;
  s->seq = outcome->position.seq;
  s->catching_up = false;
  auto held = std::move(s->held);
  bool ended = false;
  client->on_subscribed({name, s->epoch, s->seq});
  for (auto& x : outcome->events) {
    client->push(render(x));
    ended = ended || x.last;
  }
  for (auto& x : held) {
    if (ended || !advance(*s, *x))
      continue;
    client->push(x);
    ended = x->last;
  }
  if (ended) {
    remove_reader(name, *client);
    client->on_topic_end(name);
  }
  client->flush();
}

void live_shard::remove_reader(const std::string& name, const live_client& client) {
  // `name` may be the one in the list that is changed.
  auto copy = name; // NOLINT(performance-unnecessary-copy-initialization)
  if (auto i = topics_of_.find(&client); i != topics_of_.end()) {
    std::erase(i->second, copy);
    if (i->second.empty())
      topics_of_.erase(i);
  }
  auto i = topics_.find(copy);
  if (i == topics_.end())
    return;
  auto& readers = i->second.readers;
  std::erase_if(readers, [&](auto& s) { return s.client == &client; });
  if (!readers.empty())
    return;
  topics_.erase(i);
  topic_count_.store(topics_.size(), std::memory_order_release);
  hub_.backend().unfollow(copy);
}

void live_shard::unsubscribe(live_client& client, const std::string& name) {
  if (find(name, client))
    remove_reader(name, client);
}

void live_shard::drop(live_client& client) {
  auto i = topics_of_.find(&client);
  if (i == topics_of_.end())
    return;
  auto names = i->second;
  for (auto& name : names)
    remove_reader(name, client);
}

void live_shard::post_delivery(std::shared_ptr<const std::vector<event_ptr>> batch) {
  {
    std::lock_guard guard{waiting_mutex_};
    waiting_.push_back(std::move(batch));
    if (waiting_.size() > 1 || gathering_)
      return;
  }
  (*post_)([this] { on_woken(); });
}

void live_shard::on_woken() {
  auto since = std::chrono::duration_cast<std::chrono::microseconds>(steady::now() - delivered_at_);
  if (since >= gather_time) {
    deliver_waiting();
    return;
  }
  {
    std::lock_guard guard{waiting_mutex_};
    gathering_ = true;
  }
  gather_(gather_time - since);
}

void live_shard::deliver_gathered() {
  if (deliver_waiting() > 1)
    return gather_(gather_time);
  // It has become quiet. What came since the delivery has woken nobody.
  bool more = false;
  {
    std::lock_guard guard{waiting_mutex_};
    gathering_ = false;
    more = !waiting_.empty();
  }
  if (more)
    deliver_waiting();
}

size_t live_shard::deliver_waiting() {
  std::vector<event_batch> batches;
  {
    std::lock_guard guard{waiting_mutex_};
    batches.swap(waiting_);
  }
  delivered_at_ = steady::now();
  deliver_all(batches);
  return batches.size();
}

void live_shard::deliver_all(const std::vector<event_batch>& batches) {
  std::vector<delivery> deliveries;
  for (auto& batch : batches)
    for (auto& x : *batch)
      collect(x, deliveries);
  // One write a client, however many events it gets.
  std::ranges::stable_sort(deliveries, {}, &delivery::client);
  for (auto first = deliveries.begin(); first != deliveries.end();) {
    auto end = std::find_if(first, deliveries.end(), [&](auto& x) { return x.client != first->client; });
    if (end - first == 1) {
      first->client->push_now(*first->what);
    } else {
      for (auto i = first; i != end; ++i)
        first->client->push(*i->what);
      first->client->flush();
    }
    for (; first != end; ++first)
      if ((*first->what)->last)
        first->client->on_topic_end((*first->what)->topic);
  }
  hub_.stats().events_delivered.fetch_add(deliveries.size(), std::memory_order_relaxed);
}

void live_shard::collect(const event_ptr& what, std::vector<delivery>& out) {
  auto i = topics_.find(what->topic);
  if (i == topics_.end())
    return;
  std::vector<live_client*> ended;
  for (auto& s : i->second.readers) {
    if (s.catching_up) {
      s.held.push_back(what);
    } else if (advance(s, *what)) {
      out.push_back({s.client, &what});
      if (what->last)
        ended.push_back(s.client);
    }
  }
  for (auto* client : ended)
    remove_reader(what->topic, *client);
}

} // namespace troupe::net

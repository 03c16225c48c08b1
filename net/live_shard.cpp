#include "net/live_shard.hpp"

#include "net/metrics.hpp"

#include <algorithm>

namespace troupe::net {

live_shard::live_shard(live_hub& hub, poster post) : hub_(hub), post_(std::make_shared<poster>(std::move(post))) {
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
  auto copy = name;
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
    if (waiting_.size() > 1)
      return;
  }
  (*post_)([this] { deliver_waiting(); });
}

void live_shard::deliver_waiting() {
  std::vector<event_batch> batches;
  {
    std::lock_guard guard{waiting_mutex_};
    batches.swap(waiting_);
  }
  if (batches.size() == 1 && batches[0]->size() == 1)
    return deliver(batches[0]->front(), nullptr);
  // One write a client, however many events it gets.
  std::vector<live_client*> dirty;
  for (auto& batch : batches)
    for (auto& x : *batch)
      deliver(x, &dirty);
  std::sort(dirty.begin(), dirty.end());
  dirty.erase(std::unique(dirty.begin(), dirty.end()), dirty.end());
  for (auto* client : dirty)
    client->flush();
}

void live_shard::deliver(const event_ptr& what, std::vector<live_client*>* dirty) {
  auto i = topics_.find(what->topic);
  if (i == topics_.end())
    return;
  std::vector<live_client*> ended;
  uint64_t delivered = 0;
  for (auto& s : i->second.readers) {
    if (s.catching_up) {
      s.held.push_back(what);
    } else if (advance(s, *what)) {
      if (dirty) {
        s.client->push(what);
        dirty->push_back(s.client);
      } else {
        s.client->push_now(what);
      }
      ++delivered;
      if (what->last)
        ended.push_back(s.client);
    }
  }
  hub_.stats().events_delivered.fetch_add(delivered, std::memory_order_relaxed);
  for (auto* client : ended) {
    remove_reader(what->topic, *client);
    client->on_topic_end(what->topic);
  }
}

} // namespace troupe::net

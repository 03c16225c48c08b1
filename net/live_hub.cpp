#include "net/live_hub.hpp"

#include "net/live_shard.hpp"
#include "net/websocket_frame.hpp"

#include "protocol/model/ids.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace troupe::net {

struct live_hub::shards {
  std::mutex mutex;
  std::vector<live_shard*> all;

  void deliver(const std::vector<event>& batch) {
    std::lock_guard guard{mutex};
    std::shared_ptr<std::vector<event_ptr>> rendered;
    for (auto* shard : all) {
      if (!shard->has_topics())
        continue;
      if (!rendered) {
        rendered = std::make_shared<std::vector<event_ptr>>();
        rendered->reserve(batch.size());
        for (auto& x : batch)
          rendered->push_back(render(x));
      }
      shard->post_delivery(rendered);
    }
  }
};

event_ptr render(const event& x) {
  auto out = std::make_shared<rendered_event>();
  out->topic = x.topic;
  out->type = x.type;
  out->epoch = x.epoch;
  out->seq = x.seq;
  out->coalesce = x.coalesce;
  out->last = x.last;
  auto json = to_json(x);
  out->frame = ws::text_frame(json);
  out->json_size = json.size();
  return out;
}

const std::string& rendered_event::sse() const {
  std::call_once(sse_made_, [this] {
    auto json = std::string_view{frame}.substr(frame.size() - json_size);
    sse_.reserve(json.size() + type.size() + 64);
    sse_.append("id: ").append(std::to_string(epoch)).append("-").append(std::to_string(seq));
    sse_.append("\nevent: ").append(type).append("\ndata: ").append(json).append("\n\n");
  });
  return sse_;
}

bool valid_topic(std::string_view topic) noexcept {
  constexpr std::array<std::string_view, 4> fixed{"status", "jobs", "nodes", "notifications"};
  constexpr std::array<std::string_view, 4> prefixed{"job:", "user:", "library:", "download:"};
  if (topic.size() > 200)
    return false;
  if (topic.starts_with("job:"))
    return job_id::parse(topic.substr(4)).has_value();
  return std::find(fixed.begin(), fixed.end(), topic) != fixed.end()
         || std::any_of(prefixed.begin(), prefixed.end(),
                        [&](auto prefix) { return topic.starts_with(prefix) && topic.size() > prefix.size(); });
}

std::optional<event_position> parse_position(std::string topic, std::string_view since) {
  event_position out;
  out.topic = std::move(topic);
  if (since.empty())
    return out;
  auto end = since.data() + since.size();
  auto first = std::from_chars(since.data(), end, out.epoch);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '-')
    return std::nullopt;
  auto second = std::from_chars(first.ptr + 1, end, out.seq);
  if (second.ec != std::errc{} || second.ptr != end)
    return std::nullopt;
  return out;
}

live_hub::live_hub(ports::backend& backend, metrics& stats) :
  backend_(backend), stats_(stats), shards_(std::make_shared<shards>()) {
  backend_.on_events([s = shards_](std::shared_ptr<const std::vector<event>> batch) { s->deliver(*batch); });
}

live_hub::~live_hub() = default;

void live_hub::add(live_shard& shard) {
  std::lock_guard guard{shards_->mutex};
  shards_->all.push_back(&shard);
}

void live_hub::remove(live_shard& shard) {
  std::lock_guard guard{shards_->mutex};
  std::erase(shards_->all, &shard);
}

} // namespace troupe::net

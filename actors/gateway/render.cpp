#include "actors/gateway/render.hpp"

#include "actors/health/health_supervisor.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

#include <algorithm>

namespace troupe::gateway {

namespace {

/// Both bodies of one answer, and an ETag that is the same for the same content whenever it was loaded: a weak one,
/// because the bodies differ in `cached` and `lastUpdated`.
ports::rendered_ptr finish(std::string content) {
  auto out = std::make_shared<ports::rendered>();
  auto hash = std::hash<std::string>{}(content);
  char etag[24];
  std::snprintf(etag, sizeof(etag), "W/\"%016zx\"", hash);
  out->etag = etag;
  auto updated = ",\"lastUpdated\":\"" + to_iso8601(system_clocks{}.wall()) + "\"}";
  out->fresh_body = content + ",\"cached\":false" + updated;
  out->cached_body = std::move(content) + ",\"cached\":true" + updated;
  return out;
}

/// Without its data.
event snapshot_at(const std::string& topic, const event_position& position) {
  event e;
  e.topic = topic;
  e.type = "snapshot";
  e.epoch = position.epoch;
  e.seq = position.seq;
  e.at = system_clocks{}.wall();
  return e;
}

} // namespace

ports::rendered_ptr render_videos(const video_page& page, const video_query& query) {
  std::string body = "{\"videos\":[";
  for (auto& v : page.videos) {
    if (body.back() != '[')
      body += ',';
    body += outward_json(v);
  }
  auto pages = query.limit == 0 ? 0 : (page.total + query.limit - 1) / query.limit;
  body += "],\"page\":" + std::to_string(query.page) + ",\"limit\":" + std::to_string(query.limit)
          + ",\"total\":" + std::to_string(page.total) + ",\"totalPages\":" + std::to_string(pages);
  return finish(std::move(body));
}

ports::rendered_ptr render_categories(const std::vector<category_count>& categories) {
  std::string body = "{\"categories\":[";
  for (auto& c : categories) {
    if (body.back() != '[')
      body += ',';
    body += "{\"name\":" + json_quote(c.category) + ",\"count\":" + std::to_string(c.videos) + "}";
  }
  body += ']';
  return finish(std::move(body));
}

std::string to_text(const ports::rendered& x) {
  // JSON that we write ourselves has no line breaks.
  return x.etag + '\n' + x.fresh_body + '\n' + x.cached_body;
}

ports::rendered_ptr rendered_from_text(std::string_view text) {
  auto first = text.find('\n');
  auto second = first == std::string_view::npos ? first : text.find('\n', first + 1);
  if (second == std::string_view::npos)
    return nullptr;
  auto out = std::make_shared<ports::rendered>();
  out->etag = text.substr(0, first);
  out->fresh_body = text.substr(first + 1, second - first - 1);
  out->cached_body = text.substr(second + 1);
  return out;
}

std::shared_ptr<const health_report> with_coordinator_away(const health_report& last, const std::string& why) {
  auto out = std::make_shared<health_report>(last);
  auto at = std::ranges::find(out->checks, "cluster", &health_check::name);
  auto& cluster = at == out->checks.end() ? out->checks.emplace_back() : *at;
  cluster.name = "cluster";
  cluster.status = health_status::degraded;
  cluster.problem = why + "; reads are answered from the cache, anything else waits for it to come back";
  cluster.facts.clear();
  out->status = health::judge(out->checks);
  return out;
}

std::optional<job_id> job_of_topic(std::string_view topic) {
  constexpr std::string_view prefix = "job:";
  if (!topic.starts_with(prefix))
    return std::nullopt;
  return job_id::parse(topic.substr(prefix.size()));
}

event snapshot_event(const job& x, const std::vector<job_id>& children, const event_position& position) {
  auto e = snapshot_at(position.topic, position);
  auto status = status_json(x, children);
  auto id = x.id.str();
  // The names that clients of job events read, beside those of the status.
  e.data = "{\"jobId\":\"" + id + "\",\"job_id\":\"" + id + "\"," + status.substr(1);
  e.last = is_terminal(x.state);
  return e;
}

event snapshot_event(const std::vector<node_details>& nodes, const event_position& position) {
  auto e = snapshot_at(position.topic, position);
  e.data = "{\"nodes\":" + json_array(nodes, [](auto& x) { return outward_json(x); }) + "}";
  return e;
}

event gap_event(const std::string& topic, const event_position& position) {
  auto e = snapshot_at(topic, position);
  e.data = R"({"gap":true})";
  return e;
}

} // namespace troupe::gateway

#include "net/live_protocol.hpp"

#include "net/json_body.hpp"
#include "net/live_hub.hpp"

#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

#include <algorithm>

namespace troupe::net {

namespace {

/// Every message of the server's has these.
object_writer envelope(std::string_view type, const event_position& position) {
  object_writer out;
  out.text("type", type).text("topic", position.topic).number("epoch", position.epoch).number("seq", position.seq);
  out.time("timestamp", system_clocks{}.wall());
  return out;
}

std::string job_message(const job& x, const std::vector<job_id>& children) {
  auto out = envelope("snapshot", {"job:" + x.id.str(), 0, 0});
  out.text("jobId", x.id.str()).raw("job", status_json(x, children));
  return std::move(out).str();
}

} // namespace

std::string established_message() {
  return envelope("connection_established", {}).str();
}

std::string subscribed_message(const event_position& position) {
  auto out = envelope("subscribed", position);
  out.raw("topics", "[" + json_quote(position.topic) + "]");
  return std::move(out).str();
}

std::string error_message(std::string_view topic, const error& why) {
  auto out = envelope("error", {std::string{topic}, 0, 0});
  out.text("code", contract_code(why.code)).text("message", why.message);
  if (!why.fields.empty())
    out.reasons("details", why.fields);
  return std::move(out).str();
}

void live_protocol::fail(std::string_view topic, errc code, std::string message) {
  peer_.send_text(error_message(topic, {code, std::move(message)}));
}

void live_protocol::handle(std::string_view message) {
  auto parsed = json_body::parse(message);
  if (!parsed)
    return peer_.send_text(error_message({}, parsed.error()));
  auto& body = *parsed;
  auto type = body.text("type").value_or("");
  auto id = body.text("job_id").value_or(body.text("jobId").value_or(""));
  auto since = body.has("since") && !body.object("since") ? body.text("since").value_or("") : std::string{};
  if (type == "subscribe" || type == "unsubscribe") {
    auto topics = body.texts("topics", 256);
    if (!topics)
      return fail({}, errc::validation, "topics must be a list of at most 256 texts");
    auto places = body.text_members("since");
    for (auto& topic : *topics) {
      auto place = std::find_if(places.begin(), places.end(), [&](auto& p) { return p.first == topic; });
      if (type == "unsubscribe")
        peer_.unsubscribe(topic);
      else
        subscribe(topic, place == places.end() ? since : place->second);
    }
  } else if (type == "subscribe_job") {
    subscribe("job:" + id, since);
  } else if (type == "unsubscribe_job") {
    peer_.unsubscribe("job:" + id);
  } else if (type == "cancel_job" || type == "get_job_status") {
    answer_job(id, type == "cancel_job");
  } else if (type == "ping") {
    peer_.send_text(envelope("pong", {}).str());
  } else {
    fail({}, errc::validation,
         "the type is not known; known: subscribe, unsubscribe, subscribe_job, unsubscribe_job, cancel_job, "
         "get_job_status, ping");
  }
}

void live_protocol::subscribe(std::string topic, std::string_view since) {
  if (!valid_topic(topic))
    return fail(topic, errc::validation,
                "there is no such topic; topics: job:{id}, user:{id}, library:{category}, download:{id}, status, jobs, "
                "nodes, notifications");
  if (peer_.topics() >= peer_.max_topics())
    return fail(topic, errc::rate_limited, "too many topics on one connection");
  auto position = parse_position(topic, since);
  if (!position)
    return fail(topic, errc::validation, "since must be epoch-seq");
  peer_.subscribe(*std::move(position));
}

void live_protocol::answer_job(std::string_view id_text, bool cancel) {
  auto id = job_id::parse(id_text);
  if (!id)
    return fail({}, errc::validation, "job_id is not the id of a job");
  auto post = peer_.poster();
  // The session is there whenever the task runs.
  auto tell = [post, this](std::string text) { post([this, text = std::move(text)] { peer_.send_text(text); }); };
  auto topic = "job:" + id->str();
  if (cancel) {
    peer_.backend().cancel(*id, [tell, topic](result<job> outcome) {
      tell(outcome ? job_message(*outcome, {}) : error_message(topic, outcome.error()));
    });
  } else {
    peer_.backend().find_job(*id, [tell, topic](result<ports::job_view> outcome) {
      tell(outcome ? job_message(outcome->item, outcome->children) : error_message(topic, outcome.error()));
    });
  }
}

} // namespace troupe::net

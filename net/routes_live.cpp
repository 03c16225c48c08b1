#include "net/answers.hpp"
#include "net/headers.hpp"
#include "net/live_hub.hpp"
#include "net/live_test_page.hpp"
#include "net/route.hpp"
#include "net/websocket_frame.hpp"

namespace troupe::net {

namespace {

/// RFC 6455, 4.2.
void websocket(exchange& x) {
  auto& req = x.req;
  auto upgrade = req.header("upgrade");
  if (!req.upgrade || !upgrade || !equals_ignoring_case(*upgrade, "websocket") || req.version != 11) {
    auto out = error_response(req, {errc::validation, "this path speaks WebSocket only"});
    out.status = 426;
    out.headers.emplace_back("Upgrade", "websocket");
    return x.answer(std::move(out));
  }
  if (req.header("sec-websocket-version") != "13") {
    auto out = error_response(req, {errc::validation, "only version 13 of WebSocket is known here"});
    out.status = 426;
    out.headers.emplace_back("Sec-WebSocket-Version", "13");
    return x.answer(std::move(out));
  }
  auto accept = ws::accept_key(req.header("sec-websocket-key").value_or(""));
  if (!accept)
    return x.answer_error({errc::validation, "the Sec-WebSocket-Key must be 16 bytes in base64"});
  if (x.app().draining())
    return x.answer_error({errc::unavailable, "the server is stopping"});
  response out;
  out.status = 101;
  out.content_type = {};
  out.headers.emplace_back("Upgrade", "websocket");
  out.headers.emplace_back("Connection", "Upgrade");
  out.headers.emplace_back("Sec-WebSocket-Accept", *accept);
  out.stream.kind = stream_kind::websocket;
  x.answer(std::move(out));
}

void start_sse(exchange& x, std::vector<std::string> topics) {
  if (x.app().draining())
    return x.answer_error({errc::unavailable, "the server is stopping"});
  auto since = std::string{x.req.header("last-event-id").value_or("")};
  if (since.empty())
    since = text_or(x.req, "since");
  if (!parse_position({}, since)) {
    error problem{errc::validation, "the position to resume from is malformed"};
    problem.fields.emplace_back("Last-Event-ID", "must be epoch-seq, as the id of an event was");
    return x.answer_error(problem);
  }
  response out;
  out.content_type = "text/event-stream; charset=utf-8";
  out.headers.emplace_back("Cache-Control", "no-store");
  out.headers.emplace_back("X-Accel-Buffering", "no");
  out.stream = {stream_kind::sse, std::move(topics), std::move(since)};
  x.answer(std::move(out));
}

void events(exchange& x) {
  std::vector<std::string> topics;
  error problem{errc::validation, "topics that can't be followed"};
  auto named = text_or(x.req, "topics");
  for (auto topic : split_list(named)) {
    if (!valid_topic(topic))
      problem.fields.emplace_back("topics", "there is no topic " + std::string{topic.substr(0, 100)});
    if (std::find(topics.begin(), topics.end(), topic) == topics.end())
      topics.emplace_back(topic);
  }
  if (topics.empty() || topics.size() > x.app().config.max_live_topics)
    problem.fields.emplace_back("topics", "must name 1 to " + std::to_string(x.app().config.max_live_topics)
                                            + " topics, comma separated");
  if (!problem.fields.empty())
    return x.answer_error(problem);
  start_sse(x, std::move(topics));
}

void job_events(exchange& x) {
  auto id = id_from_path<job_id>(x, "job");
  if (!id)
    return;
  // A job that is not there is a 404 and not a stream on which nothing ever comes.
  x.app().backend.find_job(*id, then<ports::job_view>(x, [](exchange& self, const ports::job_view& found) {
    start_sse(self, {"job:" + found.item.id.str()});
  }));
}

void test_page(exchange& x) {
  response out;
  out.content_type = "text/html; charset=utf-8";
  out.body = live_test_page();
  out.headers.emplace_back("Content-Security-Policy", "default-src 'none'; connect-src 'self'; base-uri 'none'; "
                                                      "form-action 'none'; frame-ancestors 'self'; style-src "
                                                      "'unsafe-inline'; script-src 'sha256-"
                                                        + live_test_script_hash() + "'");
  x.answer(std::move(out));
}

} // namespace

void add_live_routes(std::vector<route>& out) {
  route r;
  r.live = true;
  r.path = "/ws";
  r.summary = "Live events by WebSocket";
  r.answers = {{101, "Upgraded"}, {403, "A page of another origin"}, {426, "Not a WebSocket handshake"}};
  r.handle = websocket;
  r.lenient = true;
  r.limited = false;
  out.push_back(r);
  r.path = "/ws/jobs";
  out.push_back(r);

  route sse;
  sse.live = true;
  sse.path = "/api/events";
  sse.summary = "Live events by SSE";
  sse.parameters = {query_text("topics", "Topics, comma separated"), query_text("since", "epoch-seq to resume from")};
  sse.parameters[0].required = true;
  sse.answers = {{200, "text/event-stream"}};
  sse.handle = events;
  out.push_back(sse);

  sse.path = "/api/jobs/{id}/events";
  sse.summary = "One job's events by SSE; ends with the job";
  sse.parameters = {path_id("Id of the job"), query_text("since", "epoch-seq to resume from")};
  sse.answers = {{200, "text/event-stream"}, {404, "No such job"}};
  sse.handle = job_events;
  out.push_back(sse);

  route page;
  page.path = "/ws/jobs/test";
  page.summary = "A small page to try the WebSocket by hand";
  page.answers = {{200, "text/html"}};
  page.handle = test_page;
  page.lenient = true;
  out.push_back(page);
}

} // namespace troupe::net

#define CAF_SUITE net.http

#include "server_fixture.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <nlohmann/json.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

int status_of(running_server& s, std::string_view bytes) {
  auto answer = s.ask(bytes);
  return answer ? answer->status : 0;
}

std::string with_header(std::string_view line) {
  return get("/livez", std::string{line} + "\r\n");
}

} // namespace

CAF_TEST(requests that two parsers could read in two ways are refused) {
  running_server s;
  auto post = [](std::string_view headers) {
    return "POST /api/jobs HTTP/1.1\r\nHost: localhost\r\n" + std::string{headers} + "\r\n0\r\n\r\n";
  };
  CAF_CHECK_EQUAL(status_of(s, post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")), 400);
  CAF_CHECK_EQUAL(status_of(s, post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")), 400);
  CAF_CHECK_EQUAL(status_of(s, post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")), 400);
  CAF_CHECK_EQUAL(status_of(s, post("Transfer-Encoding: identity\r\n")), 501);
  CAF_CHECK_EQUAL(status_of(s, post("Transfer-Encoding: gzip, chunked\r\n")), 501);
  for (auto bad : {"Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5, 5\r\n", "Content-Length: -1\r\n",
                   "Content-Length: +5\r\n", "Content-Length: 0x5\r\n", "Content-Length: \r\n",
                   "Content-Length: 99999999999999999999\r\n", "Content-Length : 5\r\n", " X: y\r\n", "Host: other\r\n",
                   "X: a\r\n b\r\n", "X\r\n", "X: a\x01\r\n"})
    CAF_CHECK_EQUAL(status_of(s, post(bad)), 400);
  CAF_CHECK_EQUAL(status_of(s, "GET /livez HTTP/1.1\r\n\r\n"), 400);
  CAF_CHECK_EQUAL(status_of(s, "GET /livez HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
  CAF_CHECK_EQUAL(status_of(s, "GET livez HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400);
  CAF_CHECK_EQUAL(status_of(s, "GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400);
  CAF_CHECK_EQUAL(status_of(s, "\x16\x03\x01 hello\r\n\r\n"), 400);
  CAF_CHECK_EQUAL(status_of(s, "POST /api/jobs HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
}

CAF_TEST(limits of the header) {
  running_server s;
  CAF_CHECK_EQUAL(status_of(s, with_header("X: " + std::string(17'000, 'a'))), 431);
  CAF_CHECK_EQUAL(status_of(s, with_header("X: " + std::string(8'000, 'a'))), 200);
  std::string many;
  for (int i = 0; i < 101; ++i)
    many += "X: y\r\n";
  CAF_CHECK_EQUAL(status_of(s, get("/livez", many)), 431);
}

CAF_TEST(unknown paths and methods) {
  running_server s;
  auto missing = s.ask(get("/nothing"));
  CAF_REQUIRE(missing.has_value());
  CAF_CHECK_EQUAL(missing->status, 404);
  CAF_CHECK(missing->body.find(R"("success":false)") != std::string::npos);
  CAF_CHECK(missing->body.find(R"("code":"NOT_FOUND")") != std::string::npos);
  auto wrong = s.ask("PUT /api/videos HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  CAF_REQUIRE(wrong.has_value());
  CAF_CHECK_EQUAL(wrong->status, 405);
  CAF_CHECK_EQUAL(wrong->header("allow"), "GET, HEAD");
  auto problem = s.ask(get("/nothing", "Accept: application/problem+json\r\n"));
  CAF_REQUIRE(problem.has_value());
  CAF_CHECK_EQUAL(problem->header("content-type"), "application/problem+json");
  CAF_CHECK_EQUAL(status_of(s, get("/api/jobs?nonsense=1")), 400);
  CAF_CHECK_EQUAL(status_of(s, get("/api/jobs?page=0&limit=x")), 400);
  CAF_CHECK_EQUAL(status_of(s, get("/api/videos?nonsense=1")), 200);
}

CAF_TEST(lists of jobs are without parts unless they are asked for) {
  running_server s;
  auto asked = [&](const std::string& path) {
    CAF_CHECK_EQUAL(status_of(s, get(path)), 200);
    std::lock_guard guard{s.backend.mutex};
    return s.backend.listed;
  };
  for (std::string path : {"/api/jobs", "/api/jobs/history"}) {
    CAF_CHECK(!asked(path).parts);
    CAF_CHECK(!asked(path + "?all=false").parts);
    CAF_CHECK(asked(path + "?all=true").parts);
    CAF_CHECK(asked(path + "?parent=00000000000000000000000001").parent == job_id::parse("00000000000000000000000001"));
    CAF_CHECK_EQUAL(status_of(s, get(path + "?all=1")), 400);
    CAF_CHECK_EQUAL(status_of(s, get(path + "?parent=x")), 400);
  }
}

CAF_TEST(request ids security headers and HEAD) {
  running_server s;
  auto given = s.ask(get("/livez", "X-Request-ID: mine-1\r\n"));
  CAF_REQUIRE(given.has_value());
  CAF_CHECK_EQUAL(given->header("x-request-id"), "mine-1");
  CAF_CHECK_EQUAL(given->header("x-content-type-options"), "nosniff");
  auto made = s.ask(get("/livez", "X-Request-ID: not ok\r\n"));
  CAF_REQUIRE(made.has_value());
  CAF_CHECK_EQUAL(made->header("x-request-id").size(), 26u);
  raw_client c{s.port};
  c.send("HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  auto head = c.read(true);
  CAF_REQUIRE(head.has_value());
  CAF_CHECK_EQUAL(head->header("content-length"), std::to_string(given->body.size()));
  auto after = c.ask(get("/livez"));
  CAF_REQUIRE(after.has_value());
  CAF_CHECK_EQUAL(after->status, 200);
}

CAF_TEST(pipelining and HTTP 1.0) {
  running_server s;
  auto job = s.backend.add_job(job_state::running).str();
  raw_client c{s.port};
  std::string bytes;
  for (int i = 0; i < 50; ++i)
    bytes += get("/livez") + with_body("POST", "/api/jobs/" + job + "/cancel", "{}") + "\r\n" + get("/nothing");
  c.send(bytes);
  for (int i = 0; i < 50; ++i)
    for (int wanted : {200, 200, 404}) {
      auto answer = c.read();
      CAF_REQUIRE(answer.has_value());
      CAF_REQUIRE_EQUAL(answer->status, wanted);
    }
  raw_client old{s.port};
  auto answer = old.ask("GET /livez HTTP/1.0\r\n\r\n");
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->header("connection"), "close");
  CAF_CHECK(old.closed_within(2000));
  raw_client kept{s.port};
  CAF_CHECK_EQUAL(kept.ask("GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")->header("connection"),
                  "keep-alive");
  CAF_CHECK_EQUAL(kept.ask("GET /livez HTTP/1.0\r\n\r\n")->status, 200);
}

CAF_TEST(bodies chunked split and refused) {
  running_server s;
  raw_client c{s.port};
  c.send("POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
         "Transfer-Encoding: chunked\r\n\r\n");
  for (auto piece : {"5\r\n{\"kin", "\r\n", "b;x=y\r\nd\":\"verify", "\"\r\n1\r\n}\r\n0\r", "\nT: r\r\n\r\n"}) {
    c.send(piece);
    ::usleep(5000);
  }
  auto answer = c.read();
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK(answer->status == 202 || answer->body.find("kind") != std::string::npos);
  CAF_CHECK_EQUAL(c.ask(get("/livez"))->status, 200);
  CAF_CHECK_EQUAL(status_of(s, with_body("POST", "/api/jobs", "{}", "Content-Type: text/plain\r\n")), 415);
  CAF_CHECK_EQUAL(status_of(s, with_body("POST", "/api/jobs", "[]")), 400);
  CAF_CHECK_EQUAL(status_of(s, with_body("POST", "/api/jobs", std::string(1'100'000, ' '))), 413);
  auto expecting = with_body("POST", "/api/jobs", "{}", "Content-Type: application/json\r\nExpect: 100-continue\r\n");
  raw_client patient{s.port};
  auto end = expecting.find("\r\n\r\n") + 4;
  CAF_CHECK_EQUAL(patient.ask(expecting.substr(0, end))->status, 100);
  CAF_CHECK_EQUAL(patient.ask(expecting.substr(end))->status, 400);
  CAF_CHECK_EQUAL(status_of(s, get("/livez", "Expect: the-unexpected\r\n")), 417);
}

CAF_TEST(all bad fields at once and idempotent submissions) {
  running_server s;
  auto bad = s.ask(with_body("POST", "/api/jobs", R"({"kind":"nonsense","priority":11,"x":1})"));
  CAF_REQUIRE(bad.has_value());
  CAF_CHECK_EQUAL(bad->status, 400);
  for (auto field : {"\"kind\":", "\"priority\":", "\"x\":"})
    CAF_CHECK(bad->body.find(field) != std::string::npos);
  auto submit = with_body("POST", "/api/jobs", R"({"kind":"transcode"})",
                          "Content-Type: application/json\r\nIdempotency-Key: \"k1\"\r\n");
  auto first = s.ask(submit);
  auto second = s.ask(submit);
  CAF_REQUIRE(first && second);
  CAF_CHECK_EQUAL(first->status, 202);
  CAF_CHECK_EQUAL(first->body, second->body);
  std::lock_guard guard{s.backend.mutex};
  CAF_CHECK_EQUAL(s.backend.contexts.at(0).submission_id, "POST /api/jobs k1");
}

CAF_TEST(pages of other origins reach nothing) {
  running_server s;
  auto write = [&](std::string_view origin) {
    return status_of(s, with_body("POST", "/api/jobs", R"({"kind":"transcode"})",
                                  "Content-Type: application/json\r\n" + std::string{origin}));
  };
  CAF_CHECK_EQUAL(write(""), 202);
  CAF_CHECK_EQUAL(write("Origin: http://localhost\r\n"), 202);
  CAF_CHECK_EQUAL(write("Origin: http://evil.example\r\n"), 403);
  CAF_CHECK_EQUAL(write("Origin: null\r\n"), 403);
  CAF_CHECK_EQUAL(write("Sec-Fetch-Site: cross-site\r\n"), 403);
  CAF_CHECK_EQUAL(status_of(s, "GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 403);
  CAF_CHECK_EQUAL(status_of(s, get("/api/events?topics=jobs", "Origin: http://evil.example\r\n")), 403);
  CAF_CHECK_EQUAL(status_of(s, get("/ws", "Origin: http://evil.example\r\nUpgrade: websocket\r\n"
                                          "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")),
                  403);
  auto config = test_config();
  config.allowed_origins = {"http://front.lan"};
  running_server open{config};
  auto preflight = open.ask("OPTIONS /api/jobs HTTP/1.1\r\nHost: localhost\r\nOrigin: http://front.lan\r\n"
                            "Access-Control-Request-Method: POST\r\n\r\n");
  CAF_REQUIRE(preflight.has_value());
  CAF_CHECK_EQUAL(preflight->status, 204);
  CAF_CHECK_EQUAL(preflight->header("access-control-allow-origin"), "http://front.lan");
}

CAF_TEST(a rate limit by address) {
  auto config = test_config();
  config.requests_per_minute = 5;
  running_server s{config};
  for (int i = 0; i < 5; ++i)
    CAF_CHECK_EQUAL(status_of(s, get("/api/videos")), 200);
  auto refused = s.ask(get("/api/videos"));
  CAF_REQUIRE(refused.has_value());
  CAF_CHECK_EQUAL(refused->status, 429);
  CAF_CHECK(std::stoi(refused->header("retry-after")) > 0);
  CAF_CHECK(!refused->header("ratelimit").empty());
  CAF_CHECK_EQUAL(status_of(s, get("/livez")), 200);
}

CAF_TEST(deadlines of slow and silent peers) {
  auto config = test_config();
  config.header_deadline = milliseconds{200};
  config.body_deadline = milliseconds{200};
  config.idle_deadline = milliseconds{300};
  config.answer_deadline = milliseconds{300};
  running_server s{config};
  raw_client silent{s.port};
  raw_client slow{s.port};
  slow.send("GET /livez HT");
  raw_client half{s.port};
  half.send(
    "POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{");
  auto late = slow.read();
  CAF_REQUIRE(late.has_value());
  CAF_CHECK_EQUAL(late->status, 408);
  CAF_CHECK(silent.closed_within(2000));
  CAF_CHECK(half.closed_within(2000));
  s.backend.hold = true;
  auto stuck = s.ask(get("/api/videos"));
  CAF_REQUIRE(stuck.has_value());
  CAF_CHECK_EQUAL(stuck->status, 503);
  s.backend.release();
}

CAF_TEST(a late answer never goes to the next request) {
  auto config = test_config();
  config.answer_deadline = milliseconds{100};
  running_server s{config};
  auto job = s.backend.add_job(job_state::running).str();
  raw_client c{s.port};
  for (int i = 0; i < 5; ++i) {
    s.backend.hold = true;
    CAF_CHECK_EQUAL(c.ask(get("/api/videos"))->status, 503);
    // The list's answer comes first, while the job's is waited for.
    c.send(get("/api/jobs/" + job + "/status"));
    ::usleep(20'000);
    s.backend.release();
    auto answer = c.read();
    CAF_REQUIRE(answer.has_value());
    CAF_CHECK(answer->body.find(job) != std::string::npos);
  }
}

CAF_TEST(too many connections are told so) {
  auto config = test_config();
  config.max_connections = 2;
  running_server s{config};
  raw_client a{s.port}, b{s.port};
  CAF_CHECK_EQUAL(a.ask(get("/livez"))->status, 200);
  CAF_CHECK_EQUAL(b.ask(get("/livez"))->status, 200);
  raw_client c{s.port};
  auto refused = c.read();
  CAF_REQUIRE(refused.has_value());
  CAF_CHECK_EQUAL(refused->status, 503);
}

CAF_TEST(a drain finishes what is in flight) {
  running_server s;
  raw_client idle{s.port}, busy{s.port};
  CAF_CHECK_EQUAL(idle.ask(get("/livez"))->status, 200);
  s.backend.hold = true;
  busy.send(get("/api/videos"));
  ::usleep(50'000);
  std::thread let_go{[&] {
    ::usleep(200'000);
    s.backend.release();
  }};
  CAF_CHECK(s.server.drain(milliseconds{5000}));
  let_go.join();
  CAF_CHECK(idle.closed_within(100));
  auto answer = busy.read();
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 200);
  CAF_CHECK_EQUAL(answer->header("connection"), "close");
}

CAF_TEST(clients that vanish at any byte leave nothing behind) {
  running_server s;
  auto request = get("/api/videos") + with_body("POST", "/api/jobs", R"({"kind":"transcode"})");
  for (size_t n = 0; n < request.size(); n += 7) {
    raw_client c{s.port};
    c.send(std::string_view{request}.substr(0, n));
    if (n % 2 == 0)
      c.reset();
    else
      c.half_close();
  }
  for (int i = 0; i < 100; ++i) {
    auto metrics = s.ask(get("/metrics"));
    CAF_REQUIRE(metrics.has_value());
    if (metrics->body.find("troupe_http_connections 1\n") != std::string::npos)
      return;
    ::usleep(20'000);
  }
  CAF_FAIL("connections are left");
}

CAF_TEST(the log and the reasons of a job name no folder of the server) {
  running_server s;
  job_id id{{4, 4}};
  {
    std::lock_guard guard{s.backend.mutex};
    auto& item = s.backend.jobs[id].item;
    item.id = id;
    attempt_record a;
    a.operation = "probe /srv/films/a.mkv";
    a.log_tail = "/srv/films/a.mkv: 3 frames are damaged";
    item.attempts.push_back(a);
    s.backend.reasons = {"worker two has not mounted /srv/films"};
  }
  auto path = "/api/jobs/" + id.str();
  auto log = s.ask(get(path + "/log")).value_or(raw_answer{});
  CAF_CHECK_EQUAL(log.status, 200);
  CAF_CHECK(log.body.find(R"("operation":"probe a.mkv")") != std::string::npos);
  CAF_CHECK(log.body.find(R"("log":"a.mkv: 3 frames are damaged")") != std::string::npos);
  auto why = s.ask(get(path + "/explain")).value_or(raw_answer{});
  CAF_CHECK_EQUAL(why.status, 200);
  CAF_CHECK(why.body.find("worker two has not mounted films") != std::string::npos);
  CAF_CHECK_EQUAL(log.body.find("/srv"), std::string::npos);
  CAF_CHECK_EQUAL(why.body.find("/srv"), std::string::npos);
}

CAF_TEST(the log of a job is that of its parts on other nodes too) {
  running_server s;
  job_id film{{4, 4}}, part{{4, 5}}, other{{4, 6}};
  {
    std::lock_guard guard{s.backend.mutex};
    auto add = [&](job_id id, const char* kind, job_id parent) -> job& {
      auto& x = s.backend.jobs[id].item;
      x.id = id;
      x.spec.kind = kind;
      x.spec.parent = parent;
      x.spec.request_id = "r-1";
      return x;
    };
    auto ended = [](uint32_t number, const char* worker, int64_t at, const char* failure) {
      attempt_record a;
      a.number = number;
      a.worker = worker;
      a.started = from_ms(at);
      a.ended = from_ms(at + 500);
      if (*failure) {
        a.end = attempt_end::failed;
        a.failure = error{errc::io, failure};
      }
      return a;
    };
    auto& whole = add(film, "transcode", {});
    whole.attempts = {ended(1, "one", 1'000, "")};
    whole.state = job_state::running;
    whole.attempt = 2;
    whole.worker_name = "three";
    s.backend.jobs[film].children = {part};
    add(part, "encode_chunk", film).attempts = {ended(1, "two", 2'000, "/srv/films/a.mkv: broke")};
    add(other, "noop", {}).attempts = {ended(1, "one", 3'000, "")};
  }
  auto log = s.ask(get("/api/jobs/" + film.str() + "/log")).value_or(raw_answer{});
  CAF_REQUIRE_EQUAL(log.status, 200);
  auto doc = nlohmann::json::parse(log.body, nullptr, false);
  CAF_REQUIRE(doc.is_object());
  CAF_CHECK_EQUAL(doc["requestId"], "r-1");
  CAF_REQUIRE_EQUAL(doc["attempts"].size(), 2u);
  CAF_CHECK_EQUAL(doc["attempts"][0]["worker"], "one");
  CAF_CHECK(doc["attempts"][0]["error"].is_null());
  CAF_CHECK_EQUAL(doc["attempts"][1]["job"], part.str());
  CAF_CHECK_EQUAL(doc["attempts"][1]["kind"], "encode_chunk");
  CAF_CHECK_EQUAL(doc["attempts"][1]["error"], "a.mkv: broke");
  CAF_REQUIRE_EQUAL(doc["running"].size(), 1u);
  CAF_CHECK_EQUAL(doc["running"][0]["worker"], "three");
  CAF_CHECK_EQUAL(doc["running"][0]["attempt"], 2);
  CAF_CHECK_EQUAL(doc["jobsLeftOut"], 0);
}

CAF_TEST(profiles are listed and may be named with what differs) {
  running_server s;
  s.backend.known_profiles = {*find_profile("web-720p"), *find_profile("hls")};
  s.backend.known_profiles[0].name = "ours";
  auto list = s.ask(get("/api/profiles"));
  CAF_REQUIRE(list.has_value());
  CAF_CHECK_EQUAL(list->status, 200);
  CAF_CHECK(list->body.starts_with(R"({"profiles":[{)"));
  CAF_CHECK(list->body.find(R"("name":"ours")") != std::string::npos);
  CAF_CHECK(list->body.find(R"("videoBitRate":6000000)") != std::string::npos);
  CAF_CHECK(!list->header("etag").empty());
  auto video = "/api/videos/" + s.backend.add_video(s.folder.path, "film.mp4").str() + "/transcode";
  auto ask = [&](std::string_view body) { return s.ask(with_body("POST", video, body)).value_or(raw_answer{}); };
  CAF_CHECK_EQUAL(ask(R"({"profile":"ours","loudness":-16})").status, 202);
  CAF_CHECK_EQUAL(ask(R"({"profile":"hls"})").status, 202);
  auto unknown = ask(R"({"profile":"web-720p"})");
  CAF_CHECK_EQUAL(unknown.status, 400);
  CAF_CHECK(unknown.body.find("known: ours, hls") != std::string::npos);
  CAF_CHECK_EQUAL(ask(R"({"profile":"ours","crf":20,"name":"ours"})").status, 400);
  std::lock_guard guard{s.backend.mutex};
  CAF_REQUIRE_EQUAL(s.backend.submitted.size(), 2u);
  CAF_CHECK_EQUAL(s.backend.submitted[0].kind, "transcode");
  for (auto part : {R"("name":"custom")", R"("loudness":-16)", R"("maxHeight":720)"})
    CAF_CHECK(s.backend.submitted[0].payload.find(part) != std::string::npos);
  // A folder of segments is another kind of job.
  CAF_CHECK_EQUAL(s.backend.submitted[1].kind, "hls");
}

CAF_TEST(a transcode takes a profile by name or by its fields) {
  running_server s;
  auto video = "/api/videos/" + s.backend.add_video(s.folder.path, "film.mp4").str() + "/transcode";
  auto ask = [&](std::string_view body) { return s.ask(with_body("POST", video, body)).value_or(raw_answer{}); };
  CAF_CHECK_EQUAL(ask(R"({"profile":"web-720p"})").status, 202);
  CAF_CHECK_EQUAL(ask(R"({"container":"mkv","videoCodec":"copy","audioCodec":"flac","maxWidth":640,"crf":20,)"
                      R"("preset":"fast","faststart":false,"name":"small","whatever":1})")
                    .status,
                  202);
  {
    std::lock_guard guard{s.backend.mutex};
    CAF_REQUIRE_EQUAL(s.backend.submitted.size(), 2u);
    CAF_CHECK(s.backend.submitted[0].payload.find(R"("name":"web-720p")") != std::string::npos);
    auto& payload = s.backend.submitted[1].payload;
    for (auto part :
         {R"("name":"small")", R"("container":"matroska")", R"("extension":"mkv")", R"("videoCodec":"copy")",
          R"("audioCodec":"flac")", R"("preset":"fast")", R"("maxWidth":640)", R"("crf":20)", R"("faststart":false)"})
      CAF_CHECK(payload.find(part) != std::string::npos);
  }
  auto bad = ask(R"({"container":"tee","videoCodec":"mpeg2","audioCodec":7,"crf":64,"maxWidth":-1,)"
                 R"("name":"../x","faststart":"yes"})");
  CAF_CHECK_EQUAL(bad.status, 400);
  for (auto field : {"container", "videoCodec", "audioCodec", "crf", "maxWidth", "name", "faststart"})
    CAF_CHECK(bad.body.find("\"" + std::string{field} + "\":") != std::string::npos);
  CAF_CHECK(ask(R"({"container":"mp4","preset":"x"})").body.find("must be one of ultrafast") != std::string::npos);
  CAF_CHECK_EQUAL(ask(R"({"container":"mp4","name":"remux"})").status, 400);
  CAF_CHECK_EQUAL(ask(R"({"profile":7})").status, 400);
  CAF_CHECK_EQUAL(ask("{}").status, 400);
}

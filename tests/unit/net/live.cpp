#define CAF_SUITE net.live

#include "net/outbox.hpp"
#include "net/websocket_frame.hpp"

#include "server_fixture.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

using namespace troupe;
using namespace troupe::net;
using namespace troupe::test;

namespace {

/// A masked frame as clients send them.
std::string client_frame(uint8_t first_byte, std::string_view payload, bool masked = true) {
  auto out = ws::frame(ws::opcode::text, payload);
  out[0] = static_cast<char>(first_byte);
  auto head = out.size() - payload.size();
  if (!masked)
    return out;
  out[1] = static_cast<char>(out[1] | 0x80);
  std::string mask = "\x12\x34\x56\x78";
  for (size_t i = 0; i < payload.size(); ++i)
    out[head + i] = static_cast<char>(out[head + i] ^ mask[i & 3]);
  return out.insert(head, mask);
}

struct ws_client : raw_client {
  explicit ws_client(uint16_t port) : raw_client(port) {
    auto answer = ask(get("/ws", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
    accepted = answer ? answer->header("sec-websocket-accept") : "";
  }
  void text(std::string_view message) {
    send(client_frame(0x81, message));
  }
  /// The next frame: its opcode and payload; 0 and "" at the end.
  std::pair<int, std::string> frame() {
    auto head = read_bytes(2);
    if (head.size() < 2)
      return {0, {}};
    size_t n = static_cast<unsigned char>(head[1]);
    if (n >= 126) {
      auto more = read_bytes(n == 126 ? 2 : 8);
      n = 0;
      for (auto c : more)
        n = n << 8 | static_cast<unsigned char>(c);
    }
    return {head[0] & 0x0f, read_bytes(n)};
  }
  std::string message() {
    return frame().second;
  }
  /// The code of the next close frame, whatever comes before it.
  int close_code() {
    for (;;) {
      auto [op, payload] = frame();
      if (op == 8)
        return static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
      if (op == 0)
        return 0;
    }
  }
  std::string accepted;
};

event make_event(std::string topic, uint64_t seq, std::string type = "job_progress") {
  event out;
  out.topic = std::move(topic);
  out.type = std::move(type);
  out.epoch = 1;
  out.seq = seq;
  out.at = from_ms(1'700'000'000'000);
  out.coalesce = out.type == "job_progress";
  out.data = R"({"progress":)" + std::to_string(seq) + "}";
  return out;
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

} // namespace

CAF_TEST(handshake subscription and events) {
  running_server s;
  ws_client c{s.port};
  CAF_CHECK_EQUAL(c.accepted, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CAF_CHECK(has(c.message(), R"("type":"connection_established")"));
  c.text(R"({"type":"subscribe","topics":["jobs","status"]})");
  auto first = c.message();
  CAF_CHECK(has(first, R"("type":"subscribed","topic":"jobs","epoch":1)"));
  CAF_CHECK(has(c.message(), R"("topic":"status")"));
  s.backend.publish({make_event("jobs", 1, "job_completed"), make_event("nodes", 1), make_event("status", 1)});
  CAF_CHECK(has(c.message(), R"("type":"job_completed","topic":"jobs")"));
  CAF_CHECK(has(c.message(), R"("topic":"status")"));
  c.text(R"({"type":"unsubscribe","topics":["jobs"]})");
  c.text(R"({"type":"ping"})");
  CAF_CHECK(has(c.message(), R"("type":"pong")"));
  s.backend.publish({make_event("jobs", 2), make_event("status", 2)});
  CAF_CHECK(has(c.message(), R"("topic":"status")"));
  c.close();
  for (int i = 0; i < 200; ++i) {
    {
      std::lock_guard guard{s.backend.mutex};
      if (s.backend.followed["jobs"] == 0 && s.backend.followed["status"] == 0)
        return;
    }
    ::usleep(10'000);
  }
  CAF_FAIL("topics are followed for nobody");
}

CAF_TEST(no gap and no duplicate between catching up and live) {
  running_server s;
  {
    std::lock_guard guard{s.backend.mutex};
    s.backend.replays["jobs"] = {{make_event("jobs", 4, "notification"), make_event("jobs", 5, "notification")},
                                 {"jobs", 1, 5}};
    s.backend.hold = true;
  }
  ws_client c{s.port};
  c.message();
  c.text(R"({"type":"subscribe","topics":["jobs"],"since":"1-3"})");
  ::usleep(50'000);
  // While the catch-up is on its way: 5 is told by it too.
  s.backend.publish({make_event("jobs", 5, "notification"), make_event("jobs", 6, "notification")});
  ::usleep(50'000);
  s.backend.release();
  CAF_CHECK(has(c.message(), "subscribed"));
  s.backend.publish({make_event("jobs", 6, "notification"), make_event("jobs", 7, "notification")});
  for (auto seq : {4, 5, 6, 7})
    CAF_CHECK(has(c.message(), "\"seq\":" + std::to_string(seq) + ","));
  s.backend.publish({make_event("jobs", 8, "notification")});
  CAF_CHECK(has(c.message(), "\"seq\":8,"));
}

CAF_TEST(events at any pace arrive all and in their order) {
  running_server s;
  ws_client both{s.port};
  ws_client one{s.port};
  both.text(R"({"type":"subscribe","topics":["jobs","status"]})");
  one.text(R"({"type":"subscribe","topics":["status"]})");
  for (auto* c : {&both, &both, &both, &one, &one})
    c->message();
  uint64_t jobs = 0;
  uint64_t status = 0;
  for_seeds(30, [&](uint64_t seed) {
    std::mt19937_64 random{seed};
    auto first_of_status = status + 1;
    std::vector<std::string> order;
    for (int i = 0; i < 40; ++i) {
      auto name = random() % 2 == 0 ? "jobs" : "status";
      auto seq = name == std::string{"jobs"} ? ++jobs : ++status;
      order.push_back(R"("topic":")" + std::string{name} + R"(","epoch":1,"seq":)" + std::to_string(seq) + ",");
      s.backend.publish({make_event(name, seq, "notification")});
      // Around the time for which events are gathered when they come fast.
      constexpr std::array<useconds_t, 5> pauses{0, 0, 300, 950, 1'300};
      ::usleep(pauses[random() % pauses.size()]);
    }
    // A client that gets several at once has them in their order, over all of its topics.
    for (auto& part : order)
      if (auto text = both.message(); !has(text, part))
        throw std::runtime_error(part + " expected, not " + text);
    for (auto seq = first_of_status; seq <= status; ++seq)
      if (auto text = one.message(); !has(text, "\"seq\":" + std::to_string(seq) + ","))
        throw std::runtime_error(text);
  });
}

CAF_TEST(messages that are not understood) {
  running_server s;
  auto job = s.backend.add_job(job_state::running).str();
  ws_client c{s.port};
  c.message();
  for (auto bad :
       {"", "x", "[]", "{}", R"({"type":"dance"})", R"({"type":"subscribe"})",
        R"({"type":"subscribe","topics":"jobs"})", R"({"type":"subscribe","topics":["nonsense"]})",
        R"({"type":"subscribe_job","job_id":"nonsense"})", R"({"type":"subscribe","topics":["jobs"],"since":"x"})",
        R"({"type":"get_job_status","job_id":"00000000000000000000000001"})"}) {
    if (std::string_view{bad}.empty())
      continue;
    c.text(bad);
    CAF_CHECK(has(c.message(), R"("type":"error")"));
  }
  c.text(R"({"type":"get_job_status","job_id":")" + job + "\"}");
  CAF_CHECK(has(c.message(), R"("status":"running")"));
  c.text(R"({"type":"cancel_job","job_id":")" + job + "\"}");
  CAF_CHECK(has(c.message(), R"("status":"cancelled")"));
}

CAF_TEST(violations of RFC 6455 get their codes) {
  running_server s;
  auto code_after = [&](std::string_view bytes) {
    ws_client c{s.port};
    c.send(bytes);
    return c.close_code();
  };
  CAF_CHECK_EQUAL(code_after(client_frame(0x81, "x", false)), 1002);
  CAF_CHECK_EQUAL(code_after(client_frame(0xc1, "x")), 1002);
  CAF_CHECK_EQUAL(code_after(client_frame(0x83, "x")), 1002);
  CAF_CHECK_EQUAL(code_after(client_frame(0x80, "x")), 1002);
  CAF_CHECK_EQUAL(code_after(client_frame(0x01, "x") + client_frame(0x81, "x")), 1002);
  CAF_CHECK_EQUAL(code_after(client_frame(0x09, "x")), 1002);
  CAF_CHECK_EQUAL(code_after(client_frame(0x89, std::string(126, 'x'))), 1002);
  CAF_CHECK_EQUAL(code_after(client_frame(0x82, "x")), 1003);
  CAF_CHECK_EQUAL(code_after(client_frame(0x81, "\xff")), 1007);
  CAF_CHECK_EQUAL(code_after(client_frame(0x81, std::string(70'000, 'x'))), 1009);
  CAF_CHECK_EQUAL(code_after(client_frame(0x88, "x")), 1002);
  CAF_CHECK_EQUAL(code_after(client_frame(0x88, std::string{"\x03\xed", 2})), 1002);
  CAF_CHECK_EQUAL(code_after(client_frame(0x88, std::string{"\x03\xe8", 2})), 1000);
  CAF_CHECK_EQUAL(code_after(client_frame(0x88, "")), 1000);
  ws_client c{s.port};
  c.message();
  c.send(client_frame(0x01, R"({"type":)") + client_frame(0x89, "hi") + client_frame(0x80, "\"ping\"}"));
  CAF_CHECK(c.frame() == std::make_pair(10, std::string{"hi"}));
  CAF_CHECK(has(c.message(), "pong"));
}

CAF_TEST(frames come through whatever the splits) {
  struct collector : ws::reader::handler {
    std::string seen;
    void on_text(std::string_view message) override {
      seen += "t" + std::string{message};
    }
    void on_ping(std::string_view payload) override {
      seen += "p" + std::string{payload};
    }
    void on_pong() override {
    }
    void on_close(uint16_t code) override {
      seen += "c" + std::to_string(code);
    }
    void on_violation(uint16_t code, std::string_view) override {
      seen += "v" + std::to_string(code);
    }
  };
  for_seeds(2000, [](uint64_t seed) {
    std::mt19937_64 rng{seed};
    std::string bytes, wanted;
    for (auto n = rng() % 6; n > 0; --n) {
      std::string text(rng() % (rng() % 5 == 0 ? 70'000 : 130), static_cast<char>('a' + rng() % 26));
      auto cut = text.empty() ? 0 : rng() % text.size();
      bytes += client_frame(0x01, text.substr(0, cut));
      if (rng() % 2 == 0) {
        bytes += client_frame(0x89, "q");
        wanted += "pq";
      }
      bytes += client_frame(0x80, text.substr(cut));
      wanted += "t" + text;
    }
    collector got;
    ws::reader reader{100'000};
    std::string_view rest = bytes;
    while (!rest.empty()) {
      auto n = std::min<size_t>(rest.size(), 1 + rng() % (rng() % 3 == 0 ? 3 : 20'000));
      reader.feed(rest.substr(0, n), got);
      rest.remove_prefix(n);
    }
    CAF_REQUIRE(got.seen == wanted);
    std::string junk;
    for (auto n = rng() % 60; n > 0; --n)
      junk += static_cast<char>(rng());
    reader.feed(junk, got);
  });
}

CAF_TEST(an outbox is bounded and keeps the newest progress) {
  outbox out{outbox::transport::sse, 8};
  for (uint64_t i = 1; i <= 100; ++i)
    CAF_CHECK(out.push(render(make_event("job:x", i))) != outbox::outcome::full);
  CAF_CHECK_EQUAL(out.size(), 1u);
  for (uint64_t i = 0; i < 7; ++i)
    CAF_CHECK(out.push(render(make_event("jobs", i, "job_completed"))) == outbox::outcome::queued);
  CAF_CHECK(out.push(render(make_event("jobs", 9, "job_completed"))) == outbox::outcome::full);
  iovec pieces[16];
  CAF_CHECK_EQUAL(out.pieces(pieces, 16), 8u);
  CAF_CHECK(has({static_cast<char*>(pieces[0].iov_base), pieces[0].iov_len}, "id: 1-100\n"));
  // Half sent, it can't be replaced any more.
  out.sent(3);
  CAF_CHECK(out.push(render(make_event("job:x", 101))) == outbox::outcome::full);
  out.clear_unsent();
  CAF_CHECK_EQUAL(out.size(), 1u);
}

CAF_TEST(a client that does not read is closed and the others go on) {
  auto config = test_config();
  config.max_live_queue = 16;
  running_server s{config};
  ws_client slow{s.port}, quick{s.port};
  for (auto* c : {&slow, &quick}) {
    c->message();
    c->text(R"({"type":"subscribe","topics":["jobs"]})");
    c->message();
  }
  auto big = make_event("jobs", 0, "notification");
  big.data = R"({"text":")" + std::string(60'000, 'x') + "\"}";
  int code = 0;
  for (uint64_t i = 1; i <= 400; ++i) {
    big.seq = i;
    s.backend.publish({big});
    CAF_REQUIRE(has(quick.message(), "\"seq\":" + std::to_string(i) + ","));
  }
  code = slow.close_code();
  CAF_CHECK_EQUAL(code, 1013);
}

CAF_TEST(silence is answered by pings and then by the end) {
  auto config = test_config();
  config.live_keepalive = milliseconds{80};
  running_server s{config};
  ws_client c{s.port};
  c.message();
  CAF_CHECK_EQUAL(c.frame().first, 9);
  for (int i = 0; i < 5; ++i) {
    c.send(client_frame(0x8a, ""));
    CAF_CHECK_EQUAL(c.frame().first, 9);
  }
  while (c.frame().first == 9) {}
  CAF_CHECK(c.closed_within(1000));
}

CAF_TEST(a drain closes WebSockets with 1001) {
  running_server s;
  ws_client c{s.port};
  c.message();
  // Checks are not for two threads at once.
  int code = 0;
  std::thread peer{[&] {
    code = c.close_code();
    c.close();
  }};
  CAF_CHECK(s.server.drain(milliseconds{3000}));
  peer.join();
  CAF_CHECK_EQUAL(code, 1001);
}

CAF_TEST(server sent events resume and end with their job) {
  auto config = test_config();
  config.live_keepalive = milliseconds{100};
  running_server s{config};
  auto job = s.backend.add_job(job_state::running);
  auto topic = "job:" + job.str();
  {
    std::lock_guard guard{s.backend.mutex};
    s.backend.replays[topic] = {{make_event(topic, 3)}, {topic, 1, 3}};
  }
  raw_client c{s.port};
  c.send(get("/api/jobs/" + job.str() + "/events", "Last-Event-ID: 1-2\r\n"));
  auto head = c.read_until("\r\n\r\n");
  CAF_CHECK(has(head, "text/event-stream"));
  CAF_CHECK(has(head, "X-Accel-Buffering: no"));
  CAF_CHECK(has(c.read_until("}\n\n"), "id: 1-3\nevent: job_progress\ndata: {"));
  CAF_CHECK(has(c.read_until(": \n\n"), ": \n\n"));
  auto last = make_event(topic, 4, "job_completed");
  last.last = true;
  s.backend.publish({last});
  CAF_CHECK(has(c.read_until("}\n\n"), "event: job_completed"));
  while (!c.read_until("\n\n").empty()) {}
  CAF_CHECK(c.closed_within(1000));
  CAF_CHECK_EQUAL(s.ask(get("/api/jobs/00000000000000000000000001/events"))->status, 404);
  CAF_CHECK_EQUAL(s.ask(get("/api/events?topics=nonsense"))->status, 400);
  CAF_CHECK_EQUAL(s.ask(get("/api/events"))->status, 400);
  CAF_CHECK_EQUAL(s.ask(get("/api/events?topics=jobs&since=x"))->status, 400);
}

CAF_TEST(handshakes that are none) {
  running_server s;
  CAF_CHECK_EQUAL(s.ask(get("/ws"))->status, 426);
  auto upgrade = std::string{"Upgrade: websocket\r\nConnection: Upgrade\r\n"};
  CAF_CHECK_EQUAL(s.ask(get("/ws", upgrade + "Sec-WebSocket-Version: 8\r\n"))->status, 426);
  CAF_CHECK_EQUAL(s.ask(get("/ws", upgrade + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"))->status, 400);
  auto page = s.ask(get("/ws/jobs/test"));
  CAF_REQUIRE(page.has_value());
  CAF_CHECK(has(page->header("content-security-policy"), "sha256-"));
}

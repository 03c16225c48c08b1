#define CAF_SUITE net.conditional

#include "net/content_coding.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/net/server_fixture.hpp"

#include <brotli/decode.h>
#include <caf/make_message.hpp>

#include <random>

using namespace troupe;
using namespace troupe::net;
using namespace troupe::test;

namespace {

/// One video, one library and one finished job behind a server.
struct catalogue_server : running_server {
  catalogue_server() {
    video = "/api/videos/" + backend.add_video(folder.path, "film.mp4").str();
    job = "/api/jobs/" + backend.add_job(job_state::failed).str();
    library x;
    x.id = library_id{random_id()};
    x.name = "Films";
    x.root = "/srv/films";
    backend.all_libraries.push_back(x);
    home = "/api/libraries/" + x.id.str();
  }
  raw_answer send(std::string_view bytes) {
    auto answer = ask(bytes);
    return answer ? *answer : raw_answer{};
  }
  raw_answer patch(const std::string& path, std::string_view body, const std::string& if_match = {}) {
    auto more = if_match.empty() ? std::string{} : "If-Match: " + if_match + "\r\n";
    return send(with_body("PATCH", path, body, "Content-Type: application/json\r\n" + more));
  }
  raw_answer remove(const std::string& path, const std::string& if_match) {
    return send("DELETE " + path + " HTTP/1.1\r\nHost: localhost\r\nIf-Match: " + if_match + "\r\n\r\n");
  }
  std::string tag(const std::string& path) {
    return send(get(path)).header("etag");
  }

  std::string video, job, home;
};

std::string unbrotli(const std::string& coded) {
  std::string out(1 << 20, '\0');
  auto size = out.size();
  auto done = BrotliDecoderDecompress(coded.size(), reinterpret_cast<const uint8_t*>(coded.data()), &size,
                                      reinterpret_cast<uint8_t*>(out.data()));
  CAF_REQUIRE(done == BROTLI_DECODER_RESULT_SUCCESS);
  out.resize(size);
  return out;
}

ports::rendered_ptr long_page() {
  std::string videos;
  for (int i = 0; i < 200; ++i)
    videos += std::string{i == 0 ? "" : ","} + R"({"title":"Film )" + std::to_string(i) + "\"}";
  auto body = [&](std::string_view cached) {
    return "{\"videos\":[" + videos + "],\"cached\":" + std::string{cached} + "}";
  };
  return std::make_shared<ports::rendered>(ports::rendered{body("true"), body("false"), "W/\"long\""});
}

} // namespace

CAF_TEST(reads that are the same as before are not sent again) {
  catalogue_server s;
  for (auto& path :
       {s.video, s.job, s.home, std::string{"/api/videos"}, std::string{"/api/jobs"}, std::string{"/api/libraries"},
        std::string{"/api/categories"}, std::string{"/api/scans"}, std::string{"/api/queues/video"}}) {
    auto first = s.send(get(path));
    CAF_CHECK_EQUAL(first.status, 200);
    CAF_REQUIRE(!first.header("etag").empty());
    auto again = s.send(get(path, "If-None-Match: \"other\", " + first.header("etag") + "\r\n"));
    CAF_CHECK_EQUAL(again.status, 304);
    CAF_CHECK_EQUAL(again.header("etag"), first.header("etag"));
    CAF_CHECK_EQUAL(again.header("cache-control"), first.header("cache-control"));
    CAF_CHECK(again.body.empty());
    CAF_CHECK_EQUAL(s.send(get(path, "If-None-Match: \"other\"\r\n")).status, 200);
  }
}

CAF_TEST(a changed thing has another tag) {
  catalogue_server s;
  auto before = s.tag(s.video);
  CAF_CHECK_EQUAL(s.patch(s.video, R"({"title":"Another film"})").status, 200);
  CAF_CHECK(s.tag(s.video) != before);
  CAF_CHECK_EQUAL(s.send(get(s.video, "If-None-Match: " + before + "\r\n")).status, 200);
}

CAF_TEST(what must not be kept and what failed has no tag) {
  catalogue_server s;
  for (auto path : {"/api/health", "/livez", "/metrics", "/nothing", "/api/videos/nonsense"})
    CAF_CHECK(s.send(get(path)).header("etag").empty());
  CAF_CHECK_EQUAL(s.send(get("/api/videos/nonsense", "If-None-Match: *\r\n")).status, 404);
}

CAF_TEST(a write whose tag matches is done and another refused) {
  catalogue_server s;
  for (auto& path : {s.video, s.home}) {
    auto tag = s.tag(path);
    auto body = path == s.video ? R"({"title":"New"})" : R"({"name":"New"})";
    auto refused = s.patch(path, body, "\"stale\"");
    CAF_CHECK_EQUAL(refused.status, 412);
    CAF_CHECK(refused.body.find("\"CONFLICT\"") != std::string::npos);
    CAF_CHECK_EQUAL(s.tag(path), tag);
    CAF_CHECK_EQUAL(s.patch(path, body, "W/" + tag).status, 412);
    CAF_CHECK_EQUAL(s.patch(path, body, "\"stale\", " + tag).status, 200);
    CAF_CHECK(s.tag(path) != tag);
    // The tag of before, again.
    CAF_CHECK_EQUAL(s.patch(path, body, tag).status, 412);
    CAF_CHECK_EQUAL(s.patch(path, body, "*").status, 200);
    CAF_CHECK_EQUAL(s.remove(path, "\"stale\"").status, 412);
    CAF_CHECK_EQUAL(s.remove(path, s.tag(path)).status, 200);
    CAF_CHECK_EQUAL(s.send(get(path)).status, 404);
  }
  CAF_CHECK_EQUAL(s.remove(s.job, "\"stale\"").status, 412);
  CAF_CHECK_EQUAL(s.remove(s.job, s.tag(s.job)).status, 200);
}

CAF_TEST(what is not there or malformed is told as without a condition) {
  catalogue_server s;
  auto missing = "/api/videos/" + to_string(random_id());
  CAF_CHECK_EQUAL(s.patch(missing, R"({"title":"x"})", "\"any\"").status, 404);
  CAF_CHECK_EQUAL(s.remove("/api/videos/nonsense", "*").status, 404);
  CAF_CHECK_EQUAL(s.patch(s.video, R"({"title":""})", s.tag(s.video)).status, 400);
  // A list is not one thing.
  CAF_CHECK_EQUAL(s.send(with_body("POST", "/api/jobs", R"({"kind":"transcode"})",
                                   "Content-Type: application/json\r\nIf-Match: \"x\"\r\n"))
                    .status,
                  202);
}

CAF_TEST(of many writes with one tag exactly one is done) {
  catalogue_server s;
  for (int round = 0; round < 20; ++round) {
    auto tag = s.tag(s.video);
    std::vector<std::unique_ptr<raw_client>> clients;
    for (int i = 0; i < 8; ++i) {
      clients.push_back(std::make_unique<raw_client>(s.port));
      auto title = std::to_string(round) + "/" + std::to_string(i);
      clients.back()->send(with_body("PATCH", s.video, "{\"title\":\"" + title + "\"}",
                                     "Content-Type: application/json\r\nIf-Match: " + tag + "\r\n"));
    }
    std::map<int, int> got;
    for (auto& c : clients) {
      auto answer = c->read();
      CAF_REQUIRE(answer.has_value());
      ++got[answer->status];
    }
    CAF_REQUIRE_EQUAL(got[200], 1);
    CAF_REQUIRE_EQUAL(got[412], 7);
  }
}

CAF_TEST(a client that goes away while it waits for its turn holds nobody up) {
  catalogue_server s;
  s.backend.hold = true;
  raw_client first{s.port}, gone{s.port}, last{s.port};
  for (auto* c : {&first, &gone, &last}) {
    c->send(with_body("PATCH", s.video, R"({"title":"x"})"));
    ::usleep(20'000);
  }
  gone.reset();
  ::usleep(20'000);
  s.backend.release();
  CAF_CHECK_EQUAL(first.read().value_or(raw_answer{}).status, 200);
  CAF_CHECK_EQUAL(last.read().value_or(raw_answer{}).status, 200);
}

CAF_TEST(the coding that the client likes best) {
  auto chosen = [](std::string_view accept) { return to_string(choose_coding(accept)); };
  CAF_CHECK_EQUAL(chosen("gzip, deflate, br"), "br");
  CAF_CHECK_EQUAL(chosen("gzip"), "gzip");
  CAF_CHECK_EQUAL(chosen("X-GZIP"), "gzip");
  CAF_CHECK_EQUAL(chosen("BR;Q=0.5, gzip;q=0.8"), "gzip");
  CAF_CHECK_EQUAL(chosen("br;q=0.5, gzip;q=0.5"), "br");
  CAF_CHECK_EQUAL(chosen("br;q=0, gzip;q=0"), "identity");
  CAF_CHECK_EQUAL(chosen("*"), "br");
  CAF_CHECK_EQUAL(chosen("br;q=0, *"), "gzip");
  CAF_CHECK_EQUAL(chosen("identity, gzip;q=0.5"), "identity");
  CAF_CHECK_EQUAL(chosen("identity;q=0.1, gzip;q=0.5"), "gzip");
  CAF_CHECK_EQUAL(chosen("identity;q=0, *;q=0"), "identity");
  CAF_CHECK_EQUAL(chosen("deflate"), "identity");
  CAF_CHECK_EQUAL(chosen(""), "identity");
  for (auto bad : {"br;q=", "br;q=2", "br;q=1.5", "br;q=-1", "br;q=nan", "br;q=1e0", "br;q=.5", "br;q=0.1234"})
    CAF_CHECK_EQUAL(chosen(bad), "identity");
}

CAF_TEST(text goes out in brotli or gzip) {
  catalogue_server s;
  s.backend.cached = long_page();
  auto plain = s.send(get("/api/videos"));
  CAF_CHECK(plain.header("content-encoding").empty());
  CAF_CHECK_EQUAL(plain.header("vary"), "Accept-Encoding");
  auto coded = s.send(get("/api/videos", "Accept-Encoding: gzip, br\r\n"));
  CAF_CHECK_EQUAL(coded.header("content-encoding"), "br");
  CAF_CHECK_EQUAL(coded.header("etag"), "W/\"long-br\"");
  CAF_CHECK(coded.body.size() * 3 < plain.body.size());
  CAF_CHECK(unbrotli(coded.body) == plain.body);
  auto zipped = s.send(get("/api/videos", "Accept-Encoding: br;q=0.1, gzip\r\n"));
  CAF_CHECK_EQUAL(zipped.header("content-encoding"), "gzip");
  CAF_CHECK_EQUAL(zipped.header("etag"), "W/\"long-gzip\"");
  // Whoever has the content in any coding has it.
  for (auto tag : {"W/\"long\"", "\"long-br\"", "W/\"long-gzip\""}) {
    auto again = s.send(get("/api/videos", "Accept-Encoding: br\r\nIf-None-Match: " + std::string{tag} + "\r\n"));
    CAF_CHECK_EQUAL(again.status, 304);
    CAF_CHECK_EQUAL(again.header("etag"), "W/\"long-br\"");
    CAF_CHECK_EQUAL(again.header("vary"), "Accept-Encoding");
  }
}

CAF_TEST(small answers and files stay as they are) {
  catalogue_server s;
  auto small = s.send(get("/api/videos", "Accept-Encoding: br\r\n"));
  CAF_CHECK(small.header("content-encoding").empty());
  CAF_CHECK(small.header("vary").empty());
  std::ofstream{s.folder.path + "/film.mp4"} << std::string(100'000, 'x');
  auto file = s.send(get(s.video + "/stream", "Accept-Encoding: br\r\n"));
  CAF_CHECK_EQUAL(file.status, 200);
  CAF_CHECK(file.header("content-encoding").empty());
  CAF_CHECK_EQUAL(file.body.size(), 100'000u);
}

CAF_TEST(what is cached is coded once) {
  auto text = std::make_shared<const std::string>(std::string(5000, 'a'));
  for (auto coding : {content_coding::gzip, content_coding::brotli}) {
    auto first = encode_cached(coding, text, "\"1\"");
    CAF_REQUIRE(first != nullptr);
    CAF_CHECK(encode_cached(coding, text, "\"1\"") == first);
    CAF_CHECK(encode_cached(coding, text, "\"2\"") != first);
    CAF_CHECK(encode_cached(coding, std::make_shared<const std::string>(*text), "\"1\"") != first);
  }
  // Noise does not get smaller.
  std::mt19937 random;
  std::string noise(2000, '\0');
  for (auto& c : noise)
    c = static_cast<char>(random());
  CAF_CHECK(encode(content_coding::brotli, noise) == nullptr);
  CAF_CHECK(encode(content_coding::gzip, noise) == nullptr);
}

CAF_TEST(the trace context is echoed and goes into the job) {
  running_server s;
  const std::string mine = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  auto submit = [&](const std::string& more) {
    auto answer =
      s.ask(with_body("POST", "/api/jobs", R"({"kind":"transcode"})", "Content-Type: application/json\r\n" + more));
    CAF_REQUIRE(answer.has_value());
    CAF_CHECK_EQUAL(answer->status, 202);
    return answer->header("traceparent");
  };
  CAF_CHECK_EQUAL(submit("traceparent: " + mine + "\r\n"), mine);
  std::set<std::string> made;
  for (auto bad : {std::string{}, std::string{"traceparent: nonsense\r\n"}, "traceparent: " + mine + "-x\r\n",
                   "traceparent: " + mine + "\r\ntraceparent: " + mine + "\r\n"}) {
    auto answered = submit(bad);
    CAF_CHECK_EQUAL(answered.size(), 55u);
    CAF_CHECK(answered.starts_with("00-"));
    CAF_CHECK(answered != mine);
    made.insert(answered);
  }
  CAF_CHECK_EQUAL(made.size(), 4u);
  CAF_CHECK_EQUAL(s.ask(get("/nothing", "traceparent: " + mine + "\r\n"))->header("traceparent"), mine);
  std::lock_guard guard{s.backend.mutex};
  CAF_REQUIRE_EQUAL(s.backend.contexts.size(), 5u);
  CAF_CHECK_EQUAL(s.backend.contexts[0].traceparent, mine);
  for (size_t i = 1; i < 5; ++i)
    CAF_CHECK(made.contains(s.backend.contexts[i].traceparent));
}

CAF_TEST(a job tells its trace) {
  running_server s;
  auto id = s.backend.add_job(job_state::completed);
  {
    std::lock_guard guard{s.backend.mutex};
    s.backend.jobs[id].item.spec.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    s.backend.jobs[id].item.spec.request_id = "r-1";
  }
  for (auto path : {"/api/jobs/" + id.str(), "/api/jobs/" + id.str() + "/log"}) {
    auto body = s.ask(get(path)).value_or(raw_answer{}).body;
    CAF_CHECK(body.find(R"("traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")")
              != std::string::npos);
    CAF_CHECK(body.find(R"("requestId":"r-1")") != std::string::npos);
  }
}

#define CAF_SUITE net.server

#include "server_fixture.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

using namespace troupe;
using namespace troupe::test;

CAF_TEST(health and the list are answered) {
  running_server s;
  CAF_REQUIRE(s.port != 0);
  raw_client c{s.port};
  auto health = c.ask(get("/health"));
  CAF_REQUIRE(health.has_value());
  CAF_CHECK_EQUAL(health->status, 200);
  CAF_CHECK(health->body.find("\"healthy\"") != std::string::npos);
  auto list = c.ask(get("/api/videos"));
  CAF_REQUIRE(list.has_value());
  CAF_CHECK_EQUAL(list->status, 200);
  CAF_CHECK(list->body.find("\"cached\":false") != std::string::npos);
  {
    std::lock_guard guard{s.backend.mutex};
    s.backend.cached = s.backend.page;
  }
  auto again = c.ask(get("/api/videos"));
  CAF_REQUIRE(again.has_value());
  CAF_CHECK(again->body.find("\"cached\":true") != std::string::npos);
  CAF_CHECK_EQUAL(again->header("etag"), "\"empty\"");
  auto unchanged = c.ask(get("/api/videos", "If-None-Match: \"empty\"\r\n"));
  CAF_REQUIRE(unchanged.has_value());
  CAF_CHECK_EQUAL(unchanged->status, 304);
}

CAF_TEST(an upload is stored and registered) {
  running_server s;
  auto body = std::string{"--b\r\nContent-Disposition: form-data; name=\"category\"\r\n\r\nfilms\r\n"
                          "--b\r\nContent-Disposition: form-data; name=\"video\"; filename=\"../a b.mp4\"\r\n"
                          "Content-Type: video/mp4\r\n\r\n"}
              + std::string(300'000, 'x') + "\r\n--b--\r\n";
  auto answer =
    s.ask(with_body("POST", "/api/videos/upload", body, "Content-Type: multipart/form-data; boundary=b\r\n"));
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 200);
  CAF_CHECK(answer->body.find("\"jobId\"") != std::string::npos);
  std::lock_guard guard{s.backend.mutex};
  CAF_REQUIRE_EQUAL(s.backend.uploads.size(), 1u);
  auto& stored = s.backend.uploads[0];
  CAF_CHECK_EQUAL(stored.category, "films");
  CAF_CHECK_EQUAL(stored.original_name, "a b.mp4");
  CAF_CHECK_EQUAL(stored.size, 300'000u);
  CAF_CHECK_EQUAL(read_file(*s.backend.uploads_folder() + "/" + stored.path), std::string(300'000, 'x'));
}

namespace {

struct throwing_backend : fake_backend {
  using fake_backend::fake_backend;
  void categories(ports::completion<ports::rendered_ptr>) override {
    throw std::runtime_error{"boom"};
  }
};

} // namespace

CAF_TEST(a handler that throws fails its request alone and the log knows why) {
  temporary_folder folder;
  throwing_backend backend{folder.path};
  std::mutex mutex;
  std::vector<std::string> faults;
  auto config = test_config();
  config.fault = [&](const std::string& line) {
    std::lock_guard guard{mutex};
    faults.push_back(line);
  };
  net::server server{config, backend};
  raw_client c{*server.start()};
  auto answer = c.ask(get("/api/categories", "X-Request-ID: r-1\r\n"));
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 500);
  CAF_CHECK(answer->body.find("boom") == std::string::npos);
  auto next = c.ask(get("/health"));
  CAF_REQUIRE(next.has_value());
  CAF_CHECK_EQUAL(next->status, 200);
  std::lock_guard guard{mutex};
  CAF_REQUIRE_EQUAL(faults.size(), 1u);
  CAF_CHECK_EQUAL(faults[0], "a request could not be handled: boom [request=r-1]");
}

#define CAF_SUITE net.away

// A gateway whose coordinator is away, or whose files are on another node.

#include "server_fixture.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

std::string upload_request() {
  std::string body =
    "--b\r\nContent-Disposition: form-data; name=\"video\"; filename=\"a.mp4\"\r\n\r\nbytes\r\n--b--\r\n";
  return "POST /api/videos/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; "
         "boundary=b\r\nContent-Length: "
         + std::to_string(body.size()) + "\r\n\r\n" + body;
}

} // namespace

CAF_TEST(answers of the time without a coordinator say so) {
  running_server s;
  auto id = s.backend.add_video(s.folder.path, "a.mp4").str();
  for (auto path : {"/api/videos", "/api/categories"})
    CAF_CHECK_EQUAL(s.ask(get(path))->header("x-troupe-stale"), "");
  s.backend.away = true;
  for (auto& path : {std::string{"/api/videos"}, std::string{"/api/categories"}, "/api/videos/" + id}) {
    auto answer = s.ask(get(path));
    CAF_REQUIRE(answer.has_value());
    CAF_CHECK_EQUAL(answer->status, 200);
    CAF_CHECK_EQUAL(answer->header("x-troupe-stale"), "1");
  }
}

CAF_TEST(an upload without a coordinator is refused before it is stored) {
  running_server s;
  s.backend.away = true;
  auto answer = s.ask(upload_request());
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 503);
  CAF_CHECK(answer->header("retry-after") != "");
  CAF_CHECK(s.uploads().empty());
}

CAF_TEST(files of another node are unavailable) {
  running_server s;
  write_file(s.folder.path + "/a.mp4", "film");
  auto id = s.backend.add_video(s.folder.path, "a.mp4").str();
  CAF_CHECK_EQUAL(s.ask(get("/api/videos/" + id + "/stream"))->status, 200);
  auto other = s.backend.add_video(s.folder.path, "b.mp4").str();
  s.backend.no_files = true;
  auto answer = s.ask(get("/api/videos/" + other + "/stream"));
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 503);
  CAF_CHECK(answer->header("retry-after") != "");
  CAF_CHECK(answer->body.find("is on another node") != std::string::npos);
  CAF_CHECK_EQUAL(s.ask(upload_request())->status, 503);
  CAF_CHECK(s.uploads().empty());
}

CAF_TEST(a server starts where uploads can not be written) {
  temporary_folder folder;
  fake_backend backend{folder.path};
  backend.no_files = true;
  net::server server{test_config(), backend};
  CAF_CHECK(server.start().has_value());
}

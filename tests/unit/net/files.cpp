#define CAF_SUITE net.files

#include "server_fixture.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

struct media_server : running_server {
  media_server() : running_server() {
    for (size_t i = 0; i < 3'000'000; ++i)
      content.push_back(static_cast<char>(i * 2654435761u >> 13));
    write_file(folder.path + "/film.mp4", content);
    id = backend.add_video(folder.path, "film.mp4");
    path = "/api/videos/" + id.str() + "/stream";
  }
  raw_answer range(std::string_view value, std::string_view more = {}) {
    auto answer = ask(get(path, "Range: " + std::string{value} + "\r\n" + std::string{more}));
    return answer ? *answer : raw_answer{};
  }
  std::string content;
  video_id id;
  std::string path;
};

std::string form(std::string_view parts) {
  return with_body("POST", "/api/videos/upload", parts, "Content-Type: multipart/form-data; boundary=b\r\n");
}

std::string file_part(std::string_view name, std::string_view data) {
  return "--b\r\nContent-Disposition: form-data; name=\"video\"; filename=\"" + std::string{name} + "\"\r\n\r\n"
         + std::string{data} + "\r\n";
}

void expect_empty(const running_server& s) {
  // A file thread may still be removing.
  for (int i = 0; i < 100 && !s.uploads().empty(); ++i)
    ::usleep(10'000);
  CAF_CHECK_EQUAL(s.uploads().size(), 0u);
}

} // namespace

CAF_TEST(the whole file and single ranges) {
  media_server s;
  auto whole = s.ask(get(s.path));
  CAF_REQUIRE(whole.has_value());
  CAF_CHECK_EQUAL(whole->status, 200);
  CAF_CHECK_EQUAL(whole->header("content-type"), "video/mp4");
  CAF_CHECK_EQUAL(whole->header("accept-ranges"), "bytes");
  CAF_CHECK(whole->body == s.content);
  auto some = s.range("bytes=100-1999999");
  CAF_CHECK_EQUAL(some.status, 206);
  CAF_CHECK_EQUAL(some.header("content-range"), "bytes 100-1999999/3000000");
  CAF_CHECK(some.body == s.content.substr(100, 1'999'900));
  auto tail = s.range("bytes=-10");
  CAF_CHECK_EQUAL(tail.header("content-range"), "bytes 2999990-2999999/3000000");
  CAF_CHECK(tail.body == s.content.substr(2'999'990));
  auto beyond = s.range("bytes=3000000-");
  CAF_CHECK_EQUAL(beyond.status, 416);
  CAF_CHECK_EQUAL(beyond.header("content-range"), "bytes */3000000");
  CAF_CHECK_EQUAL(s.range("bytes=2-1").status, 200);
  CAF_CHECK_EQUAL(s.range("lines=1-2").status, 200);
}

CAF_TEST(many first requests for one file at once) {
  // Each of them opens the file, and the last one's entry stays in the cache: what the others send must not be part of
  // an entry that is gone.
  media_server s;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<raw_client>> clients;
    for (int i = 0; i < 32; ++i)
      clients.push_back(std::make_unique<raw_client>(s.port));
    auto path = "/api/videos/" + s.backend.add_video(s.folder.path, "film.mp4").str() + "/stream";
    for (auto& c : clients)
      c->send(get(path, "Range: bytes=0-9\r\n"));
    for (auto& c : clients) {
      auto answer = c->read();
      CAF_REQUIRE(answer.has_value());
      CAF_CHECK_EQUAL(answer->status, 206);
      CAF_CHECK_EQUAL(answer->header("content-type"), "video/mp4");
    }
  }
}

CAF_TEST(several ranges come as multipart) {
  media_server s;
  auto answer = s.range("bytes=0-9,100-109,-5");
  CAF_CHECK_EQUAL(answer.status, 206);
  auto type = answer.header("content-type");
  CAF_REQUIRE(type.starts_with("multipart/byteranges; boundary="));
  auto boundary = type.substr(31);
  std::string wanted;
  for (auto [first, n] : {std::pair{0, 10}, {100, 10}, {2'999'995, 5}})
    wanted += "\r\n--" + boundary + "\r\nContent-Type: video/mp4\r\nContent-Range: bytes " + std::to_string(first) + "-"
              + std::to_string(first + n - 1) + "/3000000\r\n\r\n"
              + s.content.substr(static_cast<size_t>(first), static_cast<size_t>(n));
  CAF_CHECK(answer.body == wanted + "\r\n--" + boundary + "--\r\n");
}

CAF_TEST(conditions) {
  media_server s;
  auto whole = s.ask(get(s.path));
  CAF_REQUIRE(whole.has_value());
  auto etag = whole->header("etag");
  auto date = whole->header("last-modified");
  CAF_CHECK_EQUAL(s.range("bytes=0-1", "If-Range: " + etag + "\r\n").status, 206);
  CAF_CHECK_EQUAL(s.range("bytes=0-1", "If-Range: " + date + "\r\n").status, 206);
  CAF_CHECK_EQUAL(s.range("bytes=0-1", "If-Range: \"other\"\r\n").status, 200);
  CAF_CHECK_EQUAL(s.range("bytes=0-1", "If-Range: W/" + etag + "\r\n").status, 200);
  CAF_CHECK_EQUAL(s.range("bytes=0-1", "If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n").status, 200);
  CAF_CHECK_EQUAL(s.ask(get(s.path, "If-None-Match: " + etag + "\r\n"))->status, 304);
  CAF_CHECK_EQUAL(s.ask(get(s.path, "If-Modified-Since: " + date + "\r\n"))->status, 304);
  CAF_CHECK_EQUAL(s.ask(get(s.path, "If-None-Match: \"other\"\r\nIf-Modified-Since: " + date + "\r\n"))->status, 200);
}

CAF_TEST(HEAD missing files and files that are none) {
  media_server s;
  raw_client c{s.port};
  c.send("HEAD " + s.path + " HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-1\r\n\r\n");
  auto head = c.read(true);
  CAF_REQUIRE(head.has_value());
  CAF_CHECK_EQUAL(head->status, 200);
  CAF_CHECK_EQUAL(head->header("content-length"), "3000000");
  auto stream_of = [&](const std::string& name) {
    auto id = s.backend.add_video(s.folder.path, name).str();
    return s.ask(get("/api/videos/" + id + "/stream"))->status;
  };
  std::filesystem::create_symlink("/etc/hostname", s.folder.path + "/link.mp4");
  CAF_CHECK_EQUAL(stream_of("link.mp4"), 404);
  CAF_CHECK_EQUAL(stream_of("uploads"), 404);
  CAF_CHECK_EQUAL(stream_of("gone.mp4"), 404);
  write_file(s.folder.path + "/empty.mp4", "");
  CAF_CHECK_EQUAL(stream_of("empty.mp4"), 200);
  CAF_CHECK_EQUAL(s.ask(get(s.path + "?profile=web-720p"))->status, 404);
  CAF_CHECK_EQUAL(s.ask(get("/api/videos/nonsense/stream"))->status, 404);
}

CAF_TEST(a reader that stops does not stop others) {
  media_server s;
  raw_client lazy{s.port};
  for (int i = 0; i < 5; ++i)
    lazy.send(get(s.path));
  for (int i = 0; i < 20; ++i)
    CAF_CHECK_EQUAL(s.ask(get("/livez"))->status, 200);
}

CAF_TEST(forms that are not as expected leave nothing) {
  running_server s;
  auto end = std::string{"--b--\r\n"};
  auto refused = [&](std::string_view bytes, int status) {
    auto answer = s.ask(bytes);
    CAF_CHECK_EQUAL(answer ? answer->status : 0, status);
    expect_empty(s);
  };
  refused(form(end), 400);
  refused(form("--b\r\nContent-Disposition: form-data; name=\"category\"\r\n\r\nx\r\n" + end), 400);
  refused(form(file_part("a.mp4", "x") + file_part("b.mp4", "y") + end), 400);
  refused(form(file_part("a.mp4", "") + end), 400);
  refused(form(file_part("a.mp4", "x")), 400);
  refused(form("--b\r\nContent-Disposition: form-data; name=\"video\"\r\n\r\nx\r\n" + end), 400);
  refused(form(file_part("a.mp4", std::string(300'000, 'x')) + "--b junk" + end), 400);
  refused(with_body("POST", "/api/videos/upload", "x", "Content-Type: text/plain\r\n"), 415);
  refused(with_body("POST", "/api/videos/upload", "x", "Content-Type: multipart/form-data\r\n"), 400);
  refused("POST /api/videos/upload HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
          "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 9999\r\n\r\n",
          403);
  std::lock_guard guard{s.backend.mutex};
  CAF_CHECK_EQUAL(s.backend.uploads.size(), 0u);
}

CAF_TEST(uploads over the limit get their answer) {
  auto config = test_config();
  config.max_upload_bytes = 1'000'000;
  running_server s{config};
  auto early = s.ask(form(file_part("a.mp4", std::string(3'000'000, 'x')) + "--b--"));
  CAF_REQUIRE(early.has_value());
  CAF_CHECK_EQUAL(early->status, 413);
  // Chunked: known only on the way.
  raw_client c{s.port};
  c.send("POST /api/videos/upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
         "Content-Type: multipart/form-data; boundary=b\r\n\r\n");
  auto body = file_part("a.mp4", std::string(3'000'000, 'x'));
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", body.size());
  c.send(size + body + "\r\n0\r\n\r\n");
  auto late = c.read();
  CAF_REQUIRE(late.has_value());
  CAF_CHECK_EQUAL(late->status, 413);
  expect_empty(s);
}

CAF_TEST(uploads broken off or refused by the backend leave nothing) {
  running_server s;
  auto bytes = form(file_part("a.mp4", std::string(700'000, 'x')) + "--b--");
  for (size_t n : {300u, 100'000u, 600'000u}) {
    raw_client c{s.port};
    c.send(std::string_view{bytes}.substr(0, n));
    ::usleep(30'000);
    if (n == 300)
      c.half_close();
    else
      c.reset();
  }
  expect_empty(s);
  {
    std::lock_guard guard{s.backend.mutex};
    s.backend.upload_error = error{errc::rate_limited, "the queue is full"};
  }
  CAF_CHECK_EQUAL(s.ask(bytes)->status, 429);
  expect_empty(s);
}

CAF_TEST(an upload sent twice under one key is one) {
  running_server s;
  auto body = file_part("a.mp4", "data") + "--b--";
  auto bytes = with_body("POST", "/api/videos/upload", body,
                         "Content-Type: multipart/form-data; boundary=b\r\nIdempotency-Key: k\r\n");
  auto first = s.ask(bytes);
  auto second = s.ask(bytes);
  CAF_REQUIRE(first && second);
  CAF_CHECK_EQUAL(first->body, second->body);
  for (int i = 0; i < 100 && s.uploads().size() > 2; ++i)
    ::usleep(10'000);
  CAF_CHECK_EQUAL(s.uploads().size(), 2u);
}

CAF_TEST(a server that starts removes what an earlier one left) {
  temporary_folder folder;
  fake_backend backend{folder.path};
  write_file(folder.path + "/uploads/.incoming-x", "half");
  write_file(folder.path + "/uploads/kept", "whole");
  net::server server{test_config(), backend};
  CAF_CHECK(server.start().has_value());
  CAF_CHECK(!std::filesystem::exists(folder.path + "/uploads/.incoming-x"));
  CAF_CHECK(std::filesystem::exists(folder.path + "/uploads/kept"));
}

#define CAF_SUITE net.far_files

// Answers with files of another node.

#include "net/file_cache.hpp"
#include "server_fixture.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <atomic>
#include <mutex>
#include <thread>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

/// A file of another node that comes in small pieces, from a thread each.
struct slow_file final : ports::far_file, std::enable_shared_from_this<slow_file> {
  struct stream final : ports::far_stream {
    stream(std::shared_ptr<slow_file> of, byte_span what) : file(std::move(of)), at(what.begin), end(what.end) {
      ++file->reading;
    }
    ~stream() override {
      --file->reading;
    }
    void next(std::function<void(result<ports::fetched_bytes>)> done) override {
      std::lock_guard guard{file->mutex};
      if (at >= file->away_from)
        return answer(done, error{errc::unavailable, "the other node is away"});
      const auto length = std::min(end - at, file->piece);
      file->given += length;
      answer(done, ports::fetched_bytes{file->fd.get(), at, length});
      at += length;
    }
    void answer(std::function<void(result<ports::fetched_bytes>)> done, result<ports::fetched_bytes> what) {
      if (file->silent)
        return;
      if (file->at_once)
        return done(std::move(what));
      file->threads.emplace_back([done = std::move(done), what = std::move(what)] { done(what); });
    }
    std::shared_ptr<slow_file> file;
    uint64_t at;
    uint64_t end;
  };

  slow_file(const std::string& path, file_version of) : what(of), fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  }
  ~slow_file() override {
    for (auto& x : threads)
      x.join();
  }
  const file_version& version() const noexcept override {
    return what;
  }
  std::unique_ptr<ports::far_stream> read(byte_span part) override {
    return std::make_unique<stream>(shared_from_this(), part);
  }

  const file_version what;
  unique_fd fd;
  std::mutex mutex;
  std::vector<std::thread> threads;
  uint64_t piece = 100'000;
  uint64_t given = 0;
  uint64_t away_from = UINT64_MAX;
  bool silent = false;
  bool at_once = false;
  std::atomic<int> reading{0};
};

struct far_server : running_server {
  explicit far_server(net::server_config config = test_config()) : running_server(std::move(config)) {
    for (size_t i = 0; i < 3'000'000; ++i)
      content.push_back(static_cast<char>(i * 2654435761u >> 13));
    write_file(folder.path + "/film.mp4", content);
    write_file(folder.path + "/elsewhere", content);
    id = backend.add_video(folder.path, "film.mp4");
    path = "/api/videos/" + id.str() + "/stream";
  }
  /// The film is on another node from now on.
  std::shared_ptr<slow_file> move_away() {
    struct stat st {};
    ::stat((folder.path + "/film.mp4").c_str(), &st);
    file = std::make_shared<slow_file>(
      folder.path + "/elsewhere",
      file_version{content.size(), int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec, st.st_ino});
    std::lock_guard guard{backend.mutex};
    backend.far_files["film.mp4"] = file;
    return file;
  }
  raw_answer with(std::string_view more) {
    auto answer = ask(get(path, more));
    return answer ? *answer : raw_answer{};
  }
  bool wait_for_end() const {
    for (int i = 0; i < 300 && file->reading > 0; ++i)
      std::this_thread::sleep_for(10ms);
    return file->reading == 0;
  }
  std::string content;
  video_id id;
  std::string path;
  std::shared_ptr<slow_file> file;
};

} // namespace

CAF_TEST(clients see no difference) {
  std::vector<std::string> asked{"",
                                 "Range: bytes=0-0\r\n",
                                 "Range: bytes=100-1999999\r\n",
                                 "Range: bytes=-1\r\n",
                                 "Range: bytes=2999999-\r\n",
                                 "Range: bytes=3000000-\r\n",
                                 "Range: bytes=5-4\r\n",
                                 "Range: bytes=0-1\r\nIf-Range: \"other\"\r\n",
                                 "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n"};
  far_server s;
  std::vector<raw_answer> wanted;
  for (auto& x : asked)
    wanted.push_back(s.with(x));
  s.move_away();
  // What is open stays open for a moment.
  std::this_thread::sleep_for(net::file_cache::lifetime + 200ms);
  for (size_t i = 0; i < asked.size(); ++i) {
    auto got = s.with(asked[i]);
    CAF_CHECK_EQUAL(got.status, wanted[i].status);
    for (auto name : {"content-range", "content-type", "etag", "last-modified", "accept-ranges"})
      CAF_CHECK_EQUAL(got.header(name), wanted[i].header(name));
    // What is refused names the request.
    CAF_CHECK(got.status == 416 || got.body == wanted[i].body);
  }
  auto etag = wanted[0].header("etag");
  CAF_CHECK_EQUAL(s.with("If-None-Match: " + etag + "\r\n").status, 304);
  CAF_CHECK_EQUAL(s.with("Range: bytes=0-1\r\nIf-Range: " + etag + "\r\n").status, 206);
  raw_client c{s.port};
  c.send("HEAD " + s.path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CAF_CHECK_EQUAL(c.read(true)->header("content-length"), "3000000");
  CAF_CHECK(s.wait_for_end());
}

CAF_TEST(several ranges of a far file) {
  far_server s;
  s.move_away();
  auto answer = s.with("Range: bytes=0-9,1000000-1300000,-5\r\n");
  CAF_CHECK_EQUAL(answer.status, 206);
  CAF_CHECK_EQUAL(answer.header("content-length"), std::to_string(answer.body.size()));
  for (auto [first, n] : {std::pair{0u, 10u}, {1'000'000u, 300'001u}, {2'999'995u, 5u}})
    CAF_CHECK(answer.body.find("\r\n\r\n" + s.content.substr(first, n) + "\r\n--") != std::string::npos);
}

CAF_TEST(answers that come at once and one connection for many) {
  far_server s;
  s.move_away()->at_once = true;
  raw_client c{s.port};
  for (int i = 0; i < 5; ++i) {
    auto answer = c.ask(get(s.path, "Range: bytes=10-500009\r\n"));
    CAF_REQUIRE(answer.has_value());
    CAF_CHECK(answer->body == s.content.substr(10, 500'000));
  }
}

CAF_TEST(a node that is away before the first byte is a refusal) {
  far_server s;
  s.move_away()->away_from = 0;
  raw_client c{s.port};
  auto answer = c.ask(get(s.path, "Range: bytes=10-\r\n"));
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 503);
  CAF_CHECK(answer->header("retry-after") != "");
  CAF_CHECK_EQUAL(answer->header("content-range"), "");
  CAF_CHECK(answer->body.find("the other node is away") != std::string::npos);
  // The connection is good for more.
  CAF_CHECK_EQUAL(c.ask(get("/livez"))->status, 200);
}

CAF_TEST(a node that goes away in the middle ends the connection) {
  far_server s;
  s.move_away()->away_from = 1'000'000;
  raw_client c{s.port};
  c.send(get(s.path));
  auto all = c.read_bytes(10'000'000);
  auto body = all.substr(all.find("\r\n\r\n") + 4);
  CAF_CHECK(all.starts_with("HTTP/1.1 200"));
  CAF_CHECK_EQUAL(body.size(), 1'000'000u);
  CAF_CHECK(body == s.content.substr(0, body.size()));
  CAF_CHECK(c.closed_within(2'000));
  CAF_CHECK(s.wait_for_end());
}

CAF_TEST(a node that says nothing) {
  auto config = test_config();
  config.answer_deadline = milliseconds{300};
  far_server s{config};
  s.move_away()->silent = true;
  auto answer = s.ask(get(s.path));
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 503);
  CAF_CHECK(s.wait_for_end());
}

CAF_TEST(nothing is asked for that a slow client does not take) {
  far_server s;
  auto file = s.move_away();
  file->piece = 10'000;
  raw_client c{s.port};
  int small = 4096;
  ::setsockopt(c.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  for (int i = 0; i < 20; ++i)
    c.send(get(s.path));
  std::this_thread::sleep_for(500ms);
  uint64_t given = 0;
  {
    std::lock_guard guard{file->mutex};
    given = file->given;
  }
  // Buffers of the kernel, which may take a few million bytes.
  CAF_CHECK(given < 15'000'000);
  c.reset();
  CAF_CHECK(s.wait_for_end());
}

CAF_TEST(a client that leaves ends the reading) {
  far_server s;
  auto file = s.move_away();
  file->silent = true;
  {
    raw_client c{s.port};
    c.send(get(s.path));
    for (int i = 0; i < 200 && file->reading == 0; ++i)
      std::this_thread::sleep_for(10ms);
    CAF_CHECK_EQUAL(file->reading.load(), 1);
  }
  // A stop does not wait for it either.
  s.server.stop();
  CAF_CHECK_EQUAL(file->reading.load(), 0);
}

CAF_TEST(pictures and texts of another node) {
  far_server s;
  auto file = s.move_away();
  std::string text = "#EXTM3U\n";
  while (text.size() < 250'000)
    text += "#EXTINF:4.0,\n#EXT-X-BYTERANGE:100@" + std::to_string(text.size()) + "\nvideo.mp4\n";
  write_file(s.folder.path + "/list", text);
  rendition ladder;
  ladder.id = rendition_id{random_id()};
  ladder.container = "hls";
  ladder.file = "renditions/x-1";
  auto playlist = std::make_shared<slow_file>(s.folder.path + "/list", file_version{text.size(), 5, 6});
  {
    std::lock_guard guard{s.backend.mutex};
    auto& video = s.backend.videos.at(s.id);
    video.renditions.push_back(ladder);
    video.item.thumbnails = {{320, 180, "artwork/a.jpg"}};
    s.backend.far_files["renditions/x-1/v.m3u8"] = playlist;
    s.backend.far_files["artwork/a.jpg"] = file;
  }
  const auto at = "/api/videos/" + s.id.str();
  auto list = s.ask(get(at + "/hls/" + ladder.id.str() + "/v.m3u8"));
  CAF_REQUIRE(list.has_value());
  CAF_CHECK_EQUAL(list->status, 200);
  CAF_CHECK(list->body == text);
  auto picture = s.ask(get(at + "/thumbnail"));
  CAF_REQUIRE(picture.has_value());
  CAF_CHECK_EQUAL(picture->header("content-type"), "image/jpeg");
  CAF_CHECK(picture->body == s.content);
  playlist->away_from = 150'000;
  auto cut = s.ask(get(at + "/hls/" + ladder.id.str() + "/v.m3u8"));
  CAF_REQUIRE(cut.has_value());
  CAF_CHECK_EQUAL(cut->status, 503);
}

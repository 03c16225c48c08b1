#define CAF_SUITE net.http_client

#include "net/http_client.hpp"

#include "protocol/ports/fd.hpp"
#include "tests/support/raw_server.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <condition_variable>
#include <future>

using namespace troupe;
using test::raw_peer;
using test::raw_server;

namespace {

using outcome = result<ports::http_response>;

std::string ok(const std::string& body, const std::string& fields = {}) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields + "\r\n" + body;
}

/// A file in memory, and downloads into it.
struct fixture {
  system_clocks clk;
  std::unique_ptr<ports::http_client> client = net::make_http_client(clk);
  unique_fd file{::memfd_create("download", MFD_CLOEXEC)};
  std::vector<ports::transfer_progress> progress;

  ports::http_download request(std::string url) {
    ports::http_download x;
    x.url = std::move(url);
    x.descriptor = file.get();
    x.allow_private = true;
    x.connect_timeout = milliseconds{3000};
    x.stall_timeout = milliseconds{3000};
    return x;
  }

  outcome run(ports::http_download x) {
    std::promise<outcome> promise;
    auto handle = client->download(
      std::move(x), [this](ports::transfer_progress p) { progress.push_back(p); },
      [&](outcome y) { promise.set_value(std::move(y)); });
    return promise.get_future().get();
  }

  outcome get(const std::string& url) {
    return run(request(url));
  }

  void fill(std::string_view text) {
    CAF_REQUIRE_EQUAL(::pwrite(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }

  std::string content() {
    struct stat s {};
    ::fstat(file.get(), &s);
    std::string text(static_cast<size_t>(s.st_size), '\0');
    CAF_REQUIRE_EQUAL(::pread(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    return text;
  }

  outcome answered_with(const std::string& bytes) {
    raw_server server{[&](const raw_peer& peer, const std::string&) { peer.send(bytes); }};
    return get(server.url("/file.bin"));
  }

  errc code_of(const outcome& x) {
    return x ? errc::none : x.error().code;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(http_client_tests, fixture)

CAF_TEST(a whole file with all that is known of it) {
  auto x = answered_with(
    ok("hello", "Content-Type: video/mp4\r\nETag: \"v1\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
                "Content-Disposition: attachment; filename=\"a.mp4\"\r\n"));
  CAF_REQUIRE(x.has_value());
  CAF_CHECK_EQUAL(x->status, 200);
  CAF_CHECK_EQUAL(x->content_type, "video/mp4");
  CAF_CHECK_EQUAL(x->validator, "\"v1\"");
  CAF_CHECK_EQUAL(x->file_name, "a.mp4");
  CAF_CHECK_EQUAL(x->size, 5u);
  CAF_CHECK(!x->restarted);
  CAF_CHECK_EQUAL(content(), "hello");
  CAF_REQUIRE(!progress.empty());
  CAF_CHECK_EQUAL(progress.back().received, 5u);
  CAF_CHECK_EQUAL(progress.back().total, 5u);
  CAF_CHECK_EQUAL(progress.front().validator, "\"v1\"");
}

CAF_TEST(the name comes from the path and a weak tag is no validator) {
  auto x = answered_with(ok("", "ETag: W/\"v1\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n"));
  CAF_REQUIRE(x.has_value());
  CAF_CHECK_EQUAL(x->file_name, "file.bin");
  CAF_CHECK_EQUAL(x->validator, "Mon, 01 Jan 2024 00:00:00 GMT");
  CAF_CHECK_EQUAL(x->size, 0u);
}

CAF_TEST(a chunked answer and one that ends with the connection) {
  CAF_CHECK(answered_with("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
  CAF_CHECK_EQUAL(content(), "abcde");
  CAF_CHECK(answered_with("HTTP/1.1 200 OK\r\n\r\nxyz"));
  CAF_CHECK_EQUAL(content(), "xyz");
}

CAF_TEST(the rest of a file is asked for and appended) {
  fill("hello and some garbage");
  raw_server server{[](const raw_peer& peer, const std::string&) {
    peer.send("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-10/11\r\nContent-Length: 6\r\nETag: "
              "\"v1\"\r\n\r\n world");
  }};
  auto what = request(server.url("/f"));
  what.offset = 5;
  what.validator = "\"v1\"";
  auto x = run(what);
  CAF_REQUIRE(x.has_value());
  CAF_CHECK_EQUAL(content(), "hello world");
  CAF_CHECK_EQUAL(x->size, 11u);
  CAF_CHECK(!x->restarted);
  auto head = server.heads().at(0);
  CAF_CHECK(head.find("Range: bytes=5-\r\n") != std::string::npos);
  CAF_CHECK(head.find("If-Range: \"v1\"\r\n") != std::string::npos);
}

CAF_TEST(a server that ignores the range or has another file by now) {
  auto resume = [&](const std::function<std::string(bool ranged)>& answer) {
    fill("hello");
    raw_server server{[&](const raw_peer& peer, const std::string& head) {
      peer.send(answer(head.find("\r\nRange:") != std::string::npos));
    }};
    auto what = request(server.url("/f"));
    what.offset = 5;
    what.validator = "\"v1\"";
    return run(what);
  };
  auto x = resume([](bool) { return ok("new"); });
  CAF_REQUIRE(x.has_value());
  CAF_CHECK(x->restarted);
  CAF_CHECK_EQUAL(content(), "new");
  x = resume([](bool ranged) {
    return ranged ? "HTTP/1.1 206 x\r\nContent-Range: bytes 5-7/8\r\nContent-Length: 3\r\nETag: \"v2\"\r\n\r\nxyz"
                  : ok("second");
  });
  CAF_REQUIRE(x.has_value());
  CAF_CHECK(x->restarted);
  CAF_CHECK_EQUAL(content(), "second");
  x = resume([](bool ranged) {
    return ranged ? "HTTP/1.1 416 x\r\nContent-Range: bytes */3\r\nContent-Length: 0\r\n\r\n" : ok("abc");
  });
  CAF_REQUIRE(x.has_value());
  CAF_CHECK(x->restarted);
  CAF_CHECK_EQUAL(content(), "abc");
  x = resume([](bool) { return "HTTP/1.1 416 x\r\nContent-Range: bytes */5\r\nContent-Length: 0\r\n\r\n"; });
  CAF_REQUIRE(x.has_value());
  CAF_CHECK_EQUAL(x->size, 5u);
  CAF_CHECK_EQUAL(content(), "hello");
  x = resume([](bool) { return "HTTP/1.1 206 x\r\nContent-Range: bytes 0-2/8\r\nContent-Length: 3\r\n\r\nabc"; });
  CAF_CHECK(code_of(x) == errc::io);
  x = resume([](bool) { return "HTTP/1.1 416 x\r\nContent-Length: 0\r\n\r\n"; });
  CAF_CHECK(code_of(x) == errc::unprocessable);
}

CAF_TEST(what the statuses mean) {
  auto status = [&](const std::string& line, const std::string& fields = {}) {
    return answered_with("HTTP/1.1 " + line + "\r\nContent-Length: 4\r\n" + fields + "\r\nbody");
  };
  CAF_CHECK(code_of(status("404 x")) == errc::not_found);
  CAF_CHECK(code_of(status("410 x")) == errc::not_found);
  CAF_CHECK(code_of(status("403 x")) == errc::unprocessable);
  CAF_CHECK(code_of(status("401 x")) == errc::unprocessable);
  CAF_CHECK(code_of(status("204 x")) == errc::unprocessable);
  CAF_CHECK(code_of(status("300 x")) == errc::unprocessable);
  CAF_CHECK(code_of(status("500 x")) == errc::io);
  CAF_CHECK(code_of(status("408 x")) == errc::timeout);
  auto x = status("429 x", "Retry-After: 7\r\n");
  CAF_CHECK(code_of(x) == errc::rate_limited);
  CAF_CHECK_EQUAL(x.error().retry_after.count(), 7000);
  CAF_CHECK(code_of(status("503 x")) == errc::rate_limited);
  // Nothing of an error page gets into the file.
  CAF_CHECK_EQUAL(content(), "");
}

CAF_TEST(broken off and wrong lengths) {
  CAF_CHECK(code_of(answered_with("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")) == errc::io);
  CAF_CHECK_EQUAL(content(), "half");
  CAF_CHECK(code_of(answered_with("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")) == errc::io);
  CAF_CHECK(code_of(answered_with("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")) == errc::io);
  CAF_CHECK(code_of(answered_with("")) == errc::io);
  CAF_CHECK(code_of(answered_with("HTTP/1.1 200 OK\r\nContent-")) == errc::io);
  CAF_CHECK(answered_with("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef"));
  CAF_CHECK_EQUAL(content(), "abc");
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 20'000; ++i)
    many += "X-Field: some value that takes room\r\n";
  CAF_CHECK(code_of(answered_with(many + "\r\n")) == errc::io);
}

CAF_TEST(too large is refused by its length or when it gets there) {
  auto limited = [&](const std::string& bytes) {
    raw_server server{[&](const raw_peer& peer, const std::string&) { peer.send(bytes); }};
    auto what = request(server.url("/f"));
    what.max_bytes = 4;
    return run(what);
  };
  CAF_CHECK(limited(ok("1234")));
  fill("1234");
  CAF_CHECK(code_of(limited(ok("12345"))) == errc::too_large);
  CAF_CHECK(code_of(limited("HTTP/1.1 200 OK\r\n\r\n12345")) == errc::too_large);
}

CAF_TEST(a full disk) {
  file = unique_fd{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
  CAF_CHECK(code_of(answered_with(ok("hello"))) == errc::storage_full);
  file = unique_fd{::memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW);
  CAF_CHECK(code_of(answered_with(ok("hello"))) == errc::io);
  file = unique_fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  CAF_CHECK(code_of(answered_with(ok("hello"))) == errc::io);
}

CAF_TEST(a server that stalls before or in its answer) {
  for (auto bytes : {"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"}) {
    raw_server server{[&](const raw_peer& peer, const std::string&) {
      peer.send(bytes);
      peer.hold(5000);
    }};
    auto what = request(server.url("/f"));
    what.stall_timeout = milliseconds{150};
    auto began = clk.mono();
    CAF_CHECK(code_of(run(what)) == errc::timeout);
    CAF_CHECK(clk.mono() - began < milliseconds{1500});
  }
}

CAF_TEST(a slow server is not a stalled one and progress comes at most ten times a second) {
  raw_server server{[&](const raw_peer& peer, const std::string&) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n");
    for (int i = 0; i < 40; ++i) {
      peer.send("x");
      peer.hold(10);
    }
  }};
  auto what = request(server.url("/f"));
  what.stall_timeout = milliseconds{200};
  CAF_CHECK(run(what));
  CAF_CHECK(progress.size() >= 3);
  CAF_CHECK(progress.size() <= 10);
  CAF_CHECK_EQUAL(progress.back().received, 40u);
}

CAF_TEST(redirects are followed but not without end and not to other schemes) {
  std::string target;
  raw_server server{[&](const raw_peer& peer, const std::string& head) {
    if (head.starts_with("GET /end"))
      peer.send(ok("there"));
    else
      peer.send("HTTP/1.1 302 x\r\nLocation: " + target + "\r\nContent-Length: 4\r\n\r\nbody");
  }};
  target = "/end/name.mkv?x=1";
  auto x = get(server.url("/a"));
  CAF_REQUIRE(x.has_value());
  CAF_CHECK_EQUAL(content(), "there");
  CAF_CHECK_EQUAL(x->file_name, "name.mkv");
  target = "/a";
  CAF_CHECK(code_of(get(server.url("/a"))) == errc::unprocessable);
  for (auto bad : {"file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x"}) {
    target = bad;
    CAF_CHECK(code_of(get(server.url("/a"))) == errc::validation);
  }
}

CAF_TEST(private addresses are refused by number and by name and nothing is sent there) {
  raw_server server{[](const raw_peer& peer, const std::string&) { peer.send(ok("secret")); }};
  auto port = ":" + std::to_string(server.port()) + "/";
  for (auto host : {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1"}) {
    auto what = request("http://" + std::string{host} + port);
    what.allow_private = false;
    auto x = run(what);
    CAF_CHECK(!x);
    CAF_CHECK(code_of(x) == errc::forbidden || std::string{host} == "[::ffff:127.0.0.1]");
  }
  CAF_CHECK(server.heads().empty());
  // What another download was allowed to open is not used by this one.
  CAF_CHECK(get(server.url("/")));
  auto what = request(server.url("/"));
  what.allow_private = false;
  CAF_CHECK(code_of(run(what)) == errc::forbidden);
}

CAF_TEST(bad URLs and dead servers) {
  for (auto url : {"", "http://", "file:///etc/passwd", "nonsense", "ftp://x/y", "http://a b/"})
    CAF_CHECK(!get(url));
  CAF_CHECK(code_of(get("file:///etc/passwd")) == errc::validation);
  int port = 0;
  {
    raw_server gone{[](const raw_peer&, const std::string&) {}};
    port = gone.port();
  }
  auto x = get("http://user:secret@127.0.0.1:" + std::to_string(port) + "/private");
  CAF_CHECK(code_of(x) == errc::io);
  CAF_CHECK(x.error().message.find("secret") == std::string::npos);
  CAF_CHECK(x.error().message.find("private") == std::string::npos);
}

CAF_TEST(cancel and the end of the client) {
  raw_server server{[](const raw_peer& peer, const std::string&) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    peer.hold(5000);
  }};
  std::promise<outcome> first;
  std::promise<outcome> second;
  std::atomic<int> calls{0};
  auto a = client->download(request(server.url("/a")), nullptr, [&](outcome x) {
    ++calls;
    first.set_value(std::move(x));
  });
  auto b = client->download(request(server.url("/b")), nullptr, [&](outcome x) {
    ++calls;
    second.set_value(std::move(x));
  });
  std::this_thread::sleep_for(milliseconds{50});
  a->cancel();
  a->cancel();
  CAF_CHECK(code_of(first.get_future().get()) == errc::cancelled);
  client.reset();
  CAF_CHECK(code_of(second.get_future().get()) == errc::cancelled);
  a->cancel();
  b->cancel();
  CAF_CHECK_EQUAL(calls.load(), 2);
}

CAF_TEST(many at once) {
  raw_server server{[](const raw_peer& peer, const std::string&) { peer.send(ok(std::string(100'000, 'x'))); }};
  std::vector<unique_fd> files;
  std::vector<std::promise<outcome>> outcomes(50);
  for (auto& o : outcomes) {
    files.emplace_back(::memfd_create("many", MFD_CLOEXEC));
    auto what = request(server.url("/f"));
    what.descriptor = files.back().get();
    client->download(what, nullptr, [&o](outcome x) { o.set_value(std::move(x)); });
  }
  for (auto& o : outcomes) {
    auto x = o.get_future().get();
    CAF_CHECK(x.has_value() && x->size == 100'000);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

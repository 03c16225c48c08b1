#define CAF_SUITE net.file_server

#include "tests/unit/net/peer_fixture.hpp"

#include "net/digest.hpp"
#include "net/link_limit.hpp"
#include "tests/support/raw_http.hpp"
#include "tests/support/seeds.hpp"

#include <algorithm>
#include <thread>

using namespace troupe;
using namespace troupe::test;

namespace {

/// A node without certificates, and clients that send what they are told to.
struct fixture {
  file_node node;
  std::string text = random_text(600'000);

  fixture() {
    put_file(node.folder / "film", text);
  }

  std::string reading() {
    return node.path(node.ticket(file_action::read, "film"));
  }
  std::string writing(const std::string& path = "out") {
    return node.path(node.ticket(file_action::write, path));
  }

  std::optional<raw_answer> ask(std::string_view bytes, bool head_only = false) {
    raw_client client{node.port};
    client.send(bytes);
    return client.read(head_only);
  }
  int status(std::string_view bytes) {
    auto x = ask(bytes);
    return x ? x->status : 0;
  }
  /// Everything until the server closes.
  std::string all(const std::string& bytes) {
    raw_client client{node.port};
    client.send(bytes);
    return client.read_until("this never comes");
  }
  static std::string request(std::string_view method, const std::string& path, const std::string& fields = {},
                             std::string_view body = {}) {
    return std::string{method} + " " + path + " HTTP/1.1\r\nHost: a\r\n" + fields
           + (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n"
           + std::string{body};
  }
  static std::string patch(const std::string& path, uint64_t offset, std::string_view body,
                           const std::string& fields = {}) {
    return request("PATCH", path, "Upload-Offset: " + std::to_string(offset) + "\r\n" + fields, body);
  }
  static std::string completing(std::string_view whole) {
    net::sha256 hash;
    hash.add(whole);
    return "Upload-Complete: ?1\r\nRepr-Digest: " + hash.field() + "\r\n";
  }
};

std::string unchunked(std::string_view body, std::string& trailer) {
  std::string out;
  for (;;) {
    auto end = body.find("\r\n");
    auto size = std::stoul(std::string{body.substr(0, end)}, nullptr, 16);
    body.remove_prefix(end + 2);
    if (size == 0)
      break;
    out += body.substr(0, size);
    body.remove_prefix(size + 2);
  }
  trailer = body;
  return out;
}

bool holds(const std::string& x, std::string_view part) {
  return x.find(part) != std::string::npos;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(file_server_tests, fixture)

CAF_TEST(what a range looks like on the wire) {
  node.start();
  auto answer = all(request("GET", reading(), "Range: bytes=10-300009\r\nConnection: close\r\n"));
  auto end = answer.find("\r\n\r\n");
  CAF_REQUIRE(end != std::string::npos);
  auto head = answer.substr(0, end + 2);
  CAF_CHECK(head.starts_with("HTTP/1.1 206 "));
  CAF_CHECK(holds(head, "\r\nContent-Range: bytes 10-300009/600000\r\n"));
  CAF_CHECK(holds(head, "\r\nTransfer-Encoding: chunked\r\n"));
  CAF_CHECK(holds(head, "\r\nTrailer: Content-Digest\r\n"));
  CAF_CHECK(!holds(head, "Content-Length"));
  std::string trailer;
  CAF_CHECK(unchunked(std::string_view{answer}.substr(end + 4), trailer) == text.substr(10, 300'000));
  net::sha256 hash;
  hash.add(text.substr(10, 300'000));
  CAF_CHECK_EQUAL(trailer, "Content-Digest: " + hash.field() + "\r\n\r\n");
}

CAF_TEST(digests are those of RFC 9530) {
  net::sha256 hash;
  hash.add("{\"hello\":");
  auto copy = hash;
  hash.add(" \"world\"}\n");
  // Appendix B.2 has this one for '{"hello": "world"}' and a line feed.
  CAF_CHECK_EQUAL(hash.field(), "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:");
  CAF_CHECK_NOT_EQUAL(copy.field(), hash.field());
  CAF_CHECK(net::has_digest(hash.field(), hash.field()));
  CAF_CHECK(net::has_digest("md5=:AA==:, " + hash.field(), hash.field()));
  CAF_CHECK(!net::has_digest("", hash.field()));
  CAF_CHECK(!net::has_digest(hash.field() + "x", hash.field()));
}

CAF_TEST(several ranges are one answer in parts) {
  node.start();
  auto answer = all(request("GET", reading(), "Range: bytes=0-1,5-6,300000-599999\r\nConnection: close\r\n"));
  auto end = answer.find("\r\n\r\n");
  CAF_REQUIRE(end != std::string::npos && answer.starts_with("HTTP/1.1 206 "));
  auto head = answer.substr(0, end + 2);
  CAF_CHECK(!holds(head, "Content-Range"));
  const std::string type = "\r\nContent-Type: multipart/byteranges; boundary=";
  CAF_REQUIRE(holds(head, type));
  auto at = head.find(type) + type.size();
  auto boundary = head.substr(at, head.find("\r\n", at) - at);
  std::string trailer;
  auto body = unchunked(std::string_view{answer}.substr(end + 4), trailer);
  auto part = [&](std::string_view range, size_t offset, size_t length) {
    return "\r\n--" + boundary + "\r\nContent-Range: bytes " + std::string{range} + "/600000\r\n\r\n"
           + text.substr(offset, length);
  };
  CAF_CHECK(body
            == part("0-1", 0, 2) + part("5-6", 5, 2) + part("300000-599999", 300'000, 300'000) + "\r\n--" + boundary
                 + "--\r\n");
  net::sha256 hash;
  hash.add(body);
  CAF_CHECK(holds(trailer, hash.field()));
}

CAF_TEST(whole files and heads and bytes that are not there) {
  node.start();
  auto path = reading();
  for (std::string range : {"", "Range: lines=1-2\r\n", "Range: bytes=5-1\r\n"}) {
    auto answer = all(request("GET", path, range + "Connection: close\r\n"));
    CAF_CHECK(answer.starts_with("HTTP/1.1 200 "));
    std::string trailer;
    CAF_CHECK(unchunked(std::string_view{answer}.substr(answer.find("\r\n\r\n") + 4), trailer) == text);
  }
  auto head = ask(request("HEAD", path, "Range: bytes=0-9\r\n"), true);
  CAF_REQUIRE(head.has_value());
  CAF_CHECK_EQUAL(head->status, 200);
  CAF_CHECK_EQUAL(head->header("content-length"), "600000");
  CAF_CHECK_EQUAL(head->header("accept-ranges"), "bytes");
  auto beyond = ask(request("GET", path, "Range: bytes=600000-\r\n"));
  CAF_REQUIRE(beyond.has_value());
  CAF_CHECK_EQUAL(beyond->status, 416);
  CAF_CHECK_EQUAL(beyond->header("content-range"), "bytes */600000");
  put_file(node.folder / "empty", "");
  auto empty = node.path(node.ticket(file_action::read, "empty"));
  CAF_CHECK(all(request("GET", empty, "Connection: close\r\n"))
              .ends_with("sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:\r\n\r\n"));
}

CAF_TEST(errors are one line of JSON with their code) {
  node.start();
  auto answer = ask(request("GET", "/files/nonsense"));
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 403);
  CAF_CHECK_EQUAL(answer->header("error-code"), "forbidden");
  CAF_CHECK(answer->body.starts_with("{\"code\":\"forbidden\",\"message\":\""));
  CAF_CHECK(answer->body.ends_with("\"}\n"));
  CAF_CHECK(ask(request("HEAD", "/files/nonsense"), true)->header("error-code") == "forbidden");
  CAF_CHECK_EQUAL(status(request("GET", "/")), 404);
  CAF_CHECK_EQUAL(status(request("GET", "/files")), 404);
  CAF_CHECK_EQUAL(status(request("GET", "/files/")), 403);
  CAF_CHECK_EQUAL(status(request("GET", reading() + "/name")), 403);
  CAF_CHECK_EQUAL(status(request("GET", reading() + "/..")), 400);
  CAF_CHECK_EQUAL(status(request("DELETE", reading())), 403);
  CAF_CHECK_EQUAL(status(request("POST", writing())), 403);
  CAF_CHECK_EQUAL(status("GET / HTTP/1.0\r\n\r\n"), 400);
  CAF_CHECK_EQUAL(status("nonsense\r\n\r\n"), 400);
  CAF_CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"), 431);
  CAF_CHECK(soon([&] { return node.server->figures().transfers[{"none", "forbidden"}] == 3; }));
}

CAF_TEST(uploads go on where they are) {
  node.start();
  auto path = writing();
  raw_client client{node.port};
  client.send(request("HEAD", path));
  auto asked = client.read(true);
  CAF_REQUIRE(asked.has_value());
  CAF_CHECK_EQUAL(asked->status, 204);
  CAF_CHECK_EQUAL(asked->header("upload-offset"), "0");
  CAF_CHECK_EQUAL(asked->header("upload-complete"), "?0");
  client.send(patch(path, 0, "hello "));
  asked = client.read();
  CAF_REQUIRE(asked.has_value());
  CAF_CHECK_EQUAL(asked->status, 204);
  CAF_CHECK_EQUAL(asked->header("upload-offset"), "6");
  // The same again, and one that leaves a gap, are told what comes next. What they sent is not read.
  for (uint64_t offset : {0u, 7u, 100u}) {
    auto refused = ask(patch(path, offset, "hello "));
    CAF_REQUIRE(refused.has_value());
    CAF_CHECK_EQUAL(refused->status, 409);
    CAF_CHECK_EQUAL(refused->header("upload-offset"), "6");
  }
  client.send(request("PATCH", path, "Upload-Offset: 6\r\nTransfer-Encoding: chunked\r\n" + completing("hello world"))
              + "5\r\nworld\r\n0\r\n\r\n" + request("HEAD", path));
  asked = client.read();
  CAF_REQUIRE(asked.has_value());
  CAF_CHECK_EQUAL(asked->status, 204);
  CAF_CHECK_EQUAL(asked->header("upload-complete"), "?1");
  asked = client.read(true);
  CAF_REQUIRE(asked.has_value());
  CAF_CHECK_EQUAL(asked->header("upload-offset"), "11");
  CAF_CHECK_EQUAL(content_of(node.folder / "out"), "hello world");
  CAF_CHECK_EQUAL(status(patch(path, 11, "!")), 409);
  CAF_CHECK_EQUAL(status(patch(path, 11, "", completing("hello world"))), 204);
  CAF_CHECK_EQUAL(status(patch(path, 11, "", completing("hello World"))), 409);
  CAF_CHECK_EQUAL(content_of(node.folder / "out"), "hello world");
}

CAF_TEST(what is wrong with an upload) {
  node.start();
  auto path = writing();
  CAF_CHECK_EQUAL(status(request("PATCH", path, "", "x")), 400);
  CAF_CHECK_EQUAL(status(request("PATCH", path, "Upload-Offset: -1\r\n", "x")), 400);
  CAF_CHECK_EQUAL(status(request("PATCH", path, "Upload-Offset: 0x\r\n", "x")), 400);
  CAF_CHECK_EQUAL(status(patch(path, 0, "x", "Upload-Complete: ?1\r\n")), 400);
  CAF_CHECK_EQUAL(status(patch(path, 0, "x", "Upload-Complete: ?1\r\nRepr-Digest: sha-256=:AAAA:\r\n")), 500);
  // It was thrown away.
  CAF_CHECK_EQUAL(ask(request("HEAD", path), true)->header("upload-offset"), "0");
  CAF_CHECK_EQUAL(status(request("PATCH", path, "Upload-Offset: 0\r\nTransfer-Encoding: chunked\r\n") + "zz\r\n"), 400);
  CAF_CHECK_EQUAL(
    status("PATCH " + path + " HTTP/1.1\r\nHost: a\r\nUpload-Offset: 0\r\nContent-Length: 99999999999999\r\n\r\nx"),
    413);
  CAF_CHECK((node.names() == std::vector<std::string>{"film"}) || node.names().size() == 2);
  CAF_CHECK(!fs::exists(node.folder / "out"));
}

CAF_TEST(two who write one file) {
  node.start();
  auto path = writing();
  // Of the same attempt, another file; and of another attempt the same one.
  auto begun = [&](const std::string& to) {
    auto x = std::make_unique<raw_client>(node.port);
    x->send("PATCH " + to + " HTTP/1.1\r\nHost: a\r\nUpload-Offset: 0\r\nContent-Length: 10\r\n\r\nhello");
    return x;
  };
  auto other_ticket = node.ticket(file_action::write, "out");
  other_ticket.token = *lease_token::parse("01hf0000000000000000000001-2-1");
  auto other = begun(writing("other"));
  auto later = begun(node.path(other_ticket));
  auto first = begun(path);
  CAF_REQUIRE(soon([&] { return node.names().size() == 4; }));
  std::this_thread::sleep_for(milliseconds{200});
  // Its client says nothing for as long as it may, which is 30 s: who comes anew does not wait for that.
  const auto since = std::chrono::steady_clock::now();
  auto second = ask(request("HEAD", path), true);
  CAF_REQUIRE(second.has_value());
  CAF_CHECK_EQUAL(second->status, 204);
  CAF_CHECK_EQUAL(second->header("upload-offset"), "5");
  CAF_CHECK(std::chrono::steady_clock::now() - since < std::chrono::seconds{4});
  CAF_CHECK(!first->read());
  // Nor does one who knows where to go on; the last one that comes is the one that stays.
  second = ask(patch(path, 5, "wor"));
  CAF_REQUIRE(second.has_value());
  CAF_CHECK_EQUAL(second->status, 204);
  auto third = std::make_unique<raw_client>(node.port);
  third->send("PATCH " + path + " HTTP/1.1\r\nHost: a\r\nUpload-Offset: 8\r\nContent-Length: 2\r\n\r\nl");
  std::this_thread::sleep_for(milliseconds{200});
  second = ask(patch(path, 9, "d", completing("helloworld")));
  CAF_REQUIRE(second.has_value());
  CAF_CHECK_EQUAL(second->status, 204);
  CAF_CHECK(!third->read());
  CAF_CHECK_EQUAL(content_of(node.folder / "out"), "helloworld");
  // The others were left alone.
  for (auto* x : {other.get(), later.get()}) {
    x->send("world");
    auto done = x->read();
    CAF_REQUIRE(done.has_value());
    CAF_CHECK_EQUAL(done->header("upload-offset"), "10");
  }
}

CAF_TEST(a writer that comes again and again is never in its own way) {
  host::root_threads_options how;
  how.threads = 1;
  node.threads = std::make_shared<host::root_threads>(how);
  node.start();
  // As of one whose connections are cut at any place, and who is told of none of it.
  test::for_seeds(3, [&](uint64_t seed) {
    std::mt19937_64 random{seed};
    const auto name = "out" + std::to_string(seed);
    const auto path = writing(name);
    std::vector<std::unique_ptr<raw_client>> gone;
    uint64_t there = 0;
    while (there < 100'000) {
      auto head = ask(request("HEAD", path), true);
      CAF_REQUIRE(head.has_value());
      CAF_REQUIRE_EQUAL(head->status, 204);
      const auto offset = std::stoull(head->header("upload-offset"));
      CAF_REQUIRE(offset >= there);
      there = offset;
      const auto rest = 100'000 - there;
      auto& x = gone.emplace_back(std::make_unique<raw_client>(node.port));
      x->send("PATCH " + path + " HTTP/1.1\r\nHost: a\r\nUpload-Offset: " + std::to_string(there)
              + "\r\nContent-Length: " + std::to_string(rest) + "\r\n\r\n"
              + text.substr(there, std::min<uint64_t>(rest, 1 + random() % 20'000)));
      std::this_thread::sleep_for(milliseconds{random() % 20});
    }
    CAF_CHECK_EQUAL(status(patch(path, there, "", completing(text.substr(0, 100'000)))), 204);
    CAF_CHECK(content_of(node.folder / name) == text.substr(0, 100'000));
  });
}

CAF_TEST(a folder is not published under the hands of who writes it) {
  node.start();
  auto path = node.path(node.ticket(file_action::write_folder, "hls"));
  CAF_CHECK_EQUAL(status(patch(path + "/a", 0, "aa", completing("aa"))), 204);
  raw_client first{node.port};
  first.send("PATCH " + path + "/b HTTP/1.1\r\nHost: a\r\nUpload-Offset: 0\r\nContent-Length: 10\r\n\r\nhello");
  // Who writes has it from before it is there until after.
  CAF_REQUIRE(soon([&] { return std::ranges::any_of(node.names(), [](auto& x) { return x.ends_with(".parts/b"); }); }));
  auto refused = ask(request("POST", path));
  CAF_REQUIRE(refused.has_value());
  CAF_CHECK_EQUAL(refused->status, 423);
  CAF_CHECK_EQUAL(refused->header("error-code"), "unavailable");
  CAF_CHECK_EQUAL(refused->header("retry-after"), "2");
  std::this_thread::sleep_for(milliseconds{200});
  first.close();
  CAF_CHECK_EQUAL(ask(request("HEAD", path + "/b"), true)->header("upload-offset"), "5");
  // One of its files is half there.
  CAF_CHECK_EQUAL(status(request("POST", path)), 409);
  CAF_CHECK_EQUAL(status(patch(path + "/b", 5, "world", completing("helloworld"))), 204);
  CAF_CHECK_EQUAL(status(request("POST", path)), 204);
  CAF_CHECK_EQUAL(content_of(node.folder / "hls/b"), "helloworld");
}

CAF_TEST(who is slow is cut off) {
  node.options.header_deadline = node.options.body_deadline = node.options.write_deadline = milliseconds{200};
  node.options.idle_deadline = milliseconds{300};
  node.start();
  raw_client silent{node.port};
  raw_client trickling{node.port};
  trickling.send("GET / HT");
  raw_client stuck{node.port};
  auto path = writing();
  stuck.send("PATCH " + path + " HTTP/1.1\r\nHost: a\r\nUpload-Offset: 0\r\nContent-Length: 10\r\n\r\nhello");
  CAF_CHECK(silent.closed_within(3000));
  CAF_CHECK(trickling.closed_within(3000));
  CAF_CHECK(stuck.closed_within(3000));
  // What had come stays for the next one, who is asked for a moment's patience while it is put away (423).
  CAF_CHECK(soon([&] {
    auto next = ask(request("HEAD", path), true);
    return next && next->header("upload-offset") == "5";
  }));
  // One that does not take what it asked for.
  put_file(node.folder / "big", std::string(64 << 20, 'x'));
  raw_client deaf{node.port};
  deaf.send(request("GET", node.path(node.ticket(file_action::read, "big"))));
  CAF_CHECK(soon([&] { return node.server->figures().transfers[{"read", "cut"}] == 1; }));
}

CAF_TEST(a file that shrinks or changes while it is sent is never taken for whole) {
  node.options.bytes_per_second = 400'000;
  node.start();
  for (bool shrinks : {true, false}) {
    put_file(node.folder / "film", text);
    raw_client client{node.port};
    client.send(request("GET", reading(), "Connection: close\r\n"));
    client.read_bytes(20'000);
    if (shrinks)
      fs::resize_file(node.folder / "film", 10);
    else
      std::ofstream{node.folder / "film", std::ios::in | std::ios::out}.write("X", 1);
    CAF_CHECK(!holds(client.read_until("this never comes"), "Content-Digest: sha"));
  }
}

CAF_TEST(a file that is written with its old time put back is never taken for whole) {
  node.options.bytes_per_second = 400'000;
  node.start();
  const auto path = node.folder / "film";
  const auto before = fs::last_write_time(path);
  const auto version = *node.disk->version_of(path);
  raw_client client{node.port};
  client.send(request("GET", reading(), "Connection: close\r\n"));
  client.read_bytes(20'000);
  std::ofstream{path, std::ios::in | std::ios::out}.write("X", 1);
  fs::last_write_time(path, before);
  CAF_REQUIRE(*node.disk->version_of(path) == version);
  CAF_CHECK(!holds(client.read_until("this never comes"), "Content-Digest: sha"));
}

CAF_TEST(a file whose rights change while it is sent is asked for again and is the same one) {
  node.options.bytes_per_second = 800'000;
  node.start();
  file_client client;
  const auto url = node.url(node.ticket(file_action::read, "film"));
  auto running = client.begin_fetch(url, 0, text.size());
  CAF_REQUIRE(soon([&] { return client.moved > 0; }));
  fs::permissions(node.folder / "film", fs::perms::owner_read);
  CAF_CHECK(running.get().failure.code == errc::io);
  // The same address still serves.
  node.server->set_limit(0);
  CAF_CHECK_EQUAL(client.fetch(url, 0, text.size()).failure.message, "");
  CAF_CHECK(client.fetched(0, text.size()) == text);
}

CAF_TEST(a path as long as Linux has them) {
  std::string path;
  while (path.size() < 3'700)
    path += "ф" + std::string(path.size() % 7, 'x') + std::string(80, 'a') + "ÿдлинно/";
  path += std::string(3'895 - path.size(), 'z') + ".mkv";
  CAF_REQUIRE_EQUAL(path.size(), 3'899u);
  put_file(node.folder / path, "deep");
  node.start();
  const auto ticket = node.ticket(file_action::read, path);
  CAF_CHECK_GREATER(node.path(ticket).size(), 5'000u);
  file_client client;
  CAF_CHECK_EQUAL(client.fetch(node.url(ticket), 0, 4).failure.message, "");
  CAF_CHECK_EQUAL(client.fetched(0, 4), "deep");
}

CAF_TEST(more connections than allowed are turned away) {
  node.options.max_connections = 3;
  node.options.bytes_per_second = 100'000;
  node.start();
  std::vector<std::unique_ptr<raw_client>> open;
  for (int i = 0; i < 3; ++i) {
    open.push_back(std::make_unique<raw_client>(node.port));
    open.back()->send(request("GET", reading()));
    CAF_CHECK(!open.back()->read_bytes(100).empty());
  }
  raw_client more{node.port};
  CAF_CHECK(more.closed_within(3000));
  CAF_CHECK(soon([&] { return node.server->figures().refused_connections == 1; }));
  open.clear();
  CAF_CHECK(soon([&] { return status(request("GET", "/")) == 404; }));
}

CAF_TEST(draining ends what is idle and waits for the rest) {
  node.start();
  raw_client idle{node.port};
  CAF_CHECK_EQUAL(idle.ask(request("GET", "/"))->status, 404);
  raw_client busy{node.port};
  auto path = writing();
  busy.send("PATCH " + path + " HTTP/1.1\r\nHost: a\r\nUpload-Offset: 0\r\nContent-Length: 10\r\n\r\nhello");
  std::this_thread::sleep_for(milliseconds{100});
  std::thread finish{[&] {
    std::this_thread::sleep_for(milliseconds{200});
    busy.send("world");
  }};
  CAF_CHECK(node.server->drain(milliseconds{3000}));
  finish.join();
  CAF_CHECK(idle.closed_within(1000));
  auto done = busy.read();
  CAF_REQUIRE(done.has_value());
  CAF_CHECK_EQUAL(done->header("upload-offset"), "10");
}

CAF_TEST(a long check is no silence) {
  node.options.still_at_work = milliseconds{1};
  node.start();
  auto path = writing();
  auto big = random_text(40'000'000);
  CAF_CHECK_EQUAL(status(patch(path, 0, big)), 204);
  // After a restart the file is read once more.
  node.server->stop();
  node.start();
  raw_client client{node.port};
  client.send(patch(path, big.size(), "", completing(big)));
  auto said = client.read_until(" 204 ");
  CAF_CHECK(said.starts_with("HTTP/1.1 102 Processing\r\n\r\n"));
  CAF_CHECK(fs::exists(node.folder / "out"));
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(a bucket for each node) {
  using std::chrono::milliseconds;
  net::link_limit limit{1000};
  net::link_limit::clock::time_point now{std::chrono::hours{1}};
  CAF_CHECK_EQUAL(limit.piece(), 1024u);
  // The burst is free, the rest in time.
  CAF_CHECK(limit.reserve("a", 250, now) <= now);
  CAF_CHECK(limit.reserve("a", 500, now) <= now);
  CAF_CHECK(limit.reserve("a", 500, now) == now + milliseconds{500});
  CAF_CHECK(limit.reserve("a", 1, now) == now + milliseconds{1000});
  CAF_CHECK(limit.reserve("b", 100, now) <= now);
  // Silence does not save up more than the burst.
  now += std::chrono::hours{5};
  CAF_CHECK(limit.reserve("a", 1250, now) <= now);
  CAF_CHECK(limit.reserve("a", 1, now) == now + milliseconds{1000});
  limit.set(0);
  CAF_CHECK(!limit.enabled());
  CAF_CHECK(limit.reserve("a", 1 << 30, now) == now);
  limit.set(1 << 20);
  CAF_CHECK(limit.reserve("a", 1, now) <= now);
  CAF_CHECK_EQUAL(limit.piece(), (1u << 20) / 32);
  for (int i = 0; i < 5000; ++i)
    CAF_REQUIRE(limit.reserve("node" + std::to_string(i), 1, now + milliseconds{i}) <= now + milliseconds{i});
}

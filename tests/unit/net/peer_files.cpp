#define CAF_SUITE net.peer_files

#include "tests/unit/net/peer_fixture.hpp"

#include "tests/support/cutting_proxy.hpp"
#include "tests/support/raw_http.hpp"
#include "tests/support/seeds.hpp"

#include <sys/mount.h>
#include <sys/resource.h>

#include <iostream>
#include <random>
#include <thread>

using namespace troupe;
using namespace troupe::test;

namespace {

/// A cluster of two: "home" has the files, "away" wants them.
struct fixture {
  test_cluster cluster;
  file_node home{with_papers()};
  file_client away{cluster.papers("away")};

  net::file_server_options with_papers() {
    net::file_server_options out;
    out.papers = cluster.papers("home");
    return out;
  }
  file_ticket reading(const std::string& path) {
    return home.ticket(file_action::read, path, "away");
  }
  file_ticket writing(const std::string& path) {
    return home.ticket(file_action::write, path, "away");
  }
};

/// A film of that size at a node without certificates which sends so slowly that all who ask are there at once.
struct slow_node : file_node {
  slow_node(size_t size, uint64_t bytes_per_second) {
    put_file(folder / "film", random_text(size));
    options.bytes_per_second = bytes_per_second;
    start();
    film = url(ticket(file_action::read, "film"));
  }
  std::string film;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(peer_files_tests, fixture)

CAF_TEST(no more is asked of a node at once than it takes of one) {
  slow_node plain{50'000, 4'000'000};
  file_client client;
  // To wait for one's turn is not to connect.
  client.connect_timeout = milliseconds{1'000};
  std::vector<std::future<ports::peer_files::fetched>> all;
  for (int i = 0; i < 300; ++i)
    all.push_back(client.begin_fetch(plain.film, 0, 50'000));
  // One that is given up in the queue leaves it at once.
  std::shared_ptr<ports::transfer> last;
  auto given_up = client.begin_fetch(plain.film, 0, 50'000, &last);
  last->cancel();
  CAF_CHECK(given_up.wait_for(std::chrono::seconds{1}) == std::future_status::ready);
  CAF_CHECK(given_up.get().failure.code == errc::cancelled);
  for (auto& x : all)
    CAF_CHECK_EQUAL(x.get().failure.message, "");
  // The last answer is counted when it was sent, which is after it has come.
  auto figures = plain.server->figures();
  for (int i = 0; i < 200 && figures.transfers[{"read", "ok"}] < 300; ++i) {
    std::this_thread::sleep_for(milliseconds{10});
    figures = plain.server->figures();
  }
  CAF_CHECK_LESS_OR_EQUAL(figures.connections, 128u);
  CAF_CHECK_EQUAL((figures.transfers[{"read", "ok"}]), 300u);
}

CAF_TEST(what waits for its turn at a node is told that the node sends) {
  slow_node plain{1'000'000, 200'000};
  file_client client;
  std::vector<std::future<ports::peer_files::fetched>> all;
  for (int i = 0; i < 60; ++i)
    all.push_back(client.begin_fetch(plain.film, 0, 1'000'000));
  std::atomic<int> told{0};
  std::atomic<uint64_t> bytes{0};
  auto next = client.peer->fetch(
    {plain.film, {{0, 1'000'000}}, client.target.get()},
    [&](uint64_t n) {
      ++told;
      bytes = std::max(bytes.load(), n);
    },
    [](ports::peer_files::fetched) {});
  CAF_CHECK(soon([&] { return told > 1; }));
  CAF_CHECK_EQUAL(bytes.load(), 0u);
  plain.server->stop();
  client.peer.reset();
}

CAF_TEST(ranges come back as they are over TLS and plain) {
  auto text = random_text(3'000'000);
  for (bool secure : {true, false}) {
    file_node plain;
    file_client client;
    auto& node = secure ? home : plain;
    auto& with = secure ? away : client;
    put_file(node.folder / "films/ä film.mkv", text);
    node.start();
    auto url = node.url(node.ticket(file_action::read, "films/ä film.mkv", secure ? "away" : ""));
    for (auto [offset, length] : {std::pair<uint64_t, uint64_t>{0, 1},
                                  {0, 3'000'000},
                                  {2'999'999, 1},
                                  {1'000'000, 262'144},
                                  {7, 262'145},
                                  {500'000, 1'234'567}}) {
      CAF_REQUIRE_EQUAL(with.fetch(url, offset, length).failure.message, "");
      CAF_CHECK(with.fetched(offset, length) == text.substr(offset, length));
      CAF_CHECK_EQUAL(with.moved.load(), length);
    }
    CAF_CHECK(soon([&] { return node.server->figures().transfers[{"read", "ok"}] == 6; }));
    auto figures = node.server->figures();
    CAF_CHECK_EQUAL(figures.bytes_out[secure ? "away" : ""], 1 + 3'000'000 + 1 + 262'144 + 262'145 + 1'234'567u);
    // One connection for all of them.
    CAF_CHECK_EQUAL(figures.connections, 1u);
    CAF_CHECK(with.fetch_code(url, 2'999'999, 2) == errc::conflict);
    CAF_CHECK(with.fetch_code(url, 3'000'000, 1) == errc::conflict);
    CAF_CHECK(with.fetch_code(url, 0, 0) == errc::validation);
    CAF_CHECK(with.fetch_code(url, UINT64_MAX, 2) == errc::validation);
  }
}

CAF_TEST(many pieces in one fetch) {
  auto text = random_text(3'000'000);
  put_file(home.folder / "film", text);
  home.start();
  auto url = home.url(reading("film"));
  std::vector<byte_span> pieces;
  for (uint64_t i = 0; i < 32; ++i)
    pieces.push_back({i * 90'000, i * 90'000 + 1 + i * 2000});
  uint64_t length = 0;
  for (auto& x : pieces)
    length += x.end - x.begin;
  auto got = away.begin_fetch(url, pieces).get();
  CAF_CHECK_EQUAL(got.failure.message, "");
  CAF_CHECK_EQUAL(got.bytes, length);
  CAF_CHECK_EQUAL(away.moved.load(), length);
  for (auto& x : pieces)
    CAF_CHECK(away.fetched(x.begin, x.end - x.begin) == text.substr(x.begin, x.end - x.begin));
  // Nothing was written between them.
  CAF_CHECK(away.fetched(1, 10) == std::string(10, '\0'));
  auto code = [&](std::vector<byte_span> x) { return away.begin_fetch(url, std::move(x)).get().failure.code; };
  // A file that ends before: in the middle of a piece, before the last, before all.
  CAF_CHECK(code({{0, 10}, {2'999'990, 3'000'001}}) == errc::conflict);
  CAF_CHECK(code({{0, 10}, {20, 30}, {3'000'000, 3'000'001}}) != errc::none);
  CAF_CHECK(code({{0, 10}, {3'000'000, 3'000'001}}) == errc::conflict);
  CAF_CHECK(code({{3'000'000, 3'000'001}, {3'000'010, 3'000'011}}) == errc::conflict);
  // What nobody may ask for.
  CAF_CHECK(code({}) == errc::validation);
  CAF_CHECK(code({{0, 10}, {10, 20}}) == errc::validation);
  CAF_CHECK(code({{20, 30}, {0, 10}}) == errc::validation);
  CAF_CHECK(code({{0, 10}, {20, 20}}) == errc::validation);
  pieces.push_back({2'950'000, 2'950'001});
  CAF_CHECK(code(pieces) == errc::validation);
}

CAF_TEST(many ranges at once) {
  auto text = random_text(64 * 300'000);
  put_file(home.folder / "film", text);
  home.start();
  auto url = home.url(reading("film"));
  std::vector<std::future<ports::peer_files::fetched>> running;
  for (uint64_t i = 0; i < 64; ++i)
    running.push_back(away.begin_fetch(url, i * 300'000, 300'000));
  for (auto& x : running)
    CAF_CHECK_EQUAL(x.get().failure.message, "");
  CAF_CHECK(away.fetched(0, text.size()) == text);
}

CAF_TEST(another content is told and so is a file that is gone) {
  put_file(home.folder / "film", "first");
  home.start();
  auto url = home.url(reading("film"));
  put_file(home.folder / "film.new", "other");
  fs::rename(home.folder / "film.new", home.folder / "film");
  CAF_CHECK(away.fetch_code(url, 0, 5) == errc::conflict);
  fs::remove(home.folder / "film");
  CAF_CHECK(away.fetch_code(url, 0, 5) == errc::not_found);
}

CAF_TEST(only the node of the ticket and only while it holds) {
  put_file(home.folder / "film", "text");
  home.start();
  auto x = reading("film");
  file_client other{cluster.papers("other")};
  auto refused = other.fetch(home.url(x), 0, 4);
  CAF_CHECK(refused.failure.code == errc::forbidden);
  CAF_CHECK(refused.failure.message.find("made for another node") != std::string::npos);
  CAF_CHECK(refused.failure.message.find("/files/") == std::string::npos);
  x.node.clear();
  CAF_CHECK(away.fetch_code(home.url(x), 0, 4) == errc::forbidden);
  x = reading("film");
  x.expires = home.time.wall() - milliseconds{1};
  refused = away.fetch(home.url(x), 0, 4);
  CAF_CHECK(refused.failure.code == errc::forbidden);
  CAF_CHECK(refused.failure.message.find("has expired") != std::string::npos);
  auto foreign = *identity::ticket_issuer::create();
  auto text = foreign.issue(reading("film"));
  CAF_CHECK(away.fetch_code("https://127.0.0.1:" + std::to_string(home.port) + "/files/" + *text, 0, 4)
            == errc::forbidden);
  // What one ticket allows is not what another is for.
  put_file(away.folder / "mine", "mine");
  CAF_CHECK(!away.push(home.url(reading("film")), away.folder / "mine"));
  CAF_CHECK(away.fetch_code(home.url(writing("film")), 0, 4) == errc::forbidden);
  CAF_CHECK(code_of(away.publish(home.url(writing("film")))) == errc::forbidden);
  CAF_CHECK(away.fetch_code(home.url(reading("film")), 0, 4) == errc::none);
}

CAF_TEST(without a certificate of the cluster there is no connection) {
  put_file(home.folder / "film", "text");
  home.start();
  auto url = home.url(reading("film"));
  test_cluster foreign;
  // Theirs is not of our authority, for us and for them.
  CAF_CHECK(file_client{foreign.papers("away")}.fetch_code(url, 0, 4) == errc::forbidden);
  auto mixed = foreign.papers("away");
  mixed.authority = cluster.ca.own().certificate;
  CAF_CHECK(file_client{mixed}.fetch_code(url, 0, 4) != errc::none);
  auto expired = cluster.papers("away", {}, cluster.time.wall() - std::chrono::hours{48});
  CAF_CHECK(file_client{expired}.fetch_code(url, 0, 4) != errc::none);
  auto nobody = cluster.papers("away");
  nobody.certificate.clear();
  nobody.key.clear();
  CAF_CHECK(file_client{nobody}.fetch_code(url, 0, 4) != errc::none);
  // Plain HTTP to the TLS port, and an https address without certificates.
  raw_client plain{home.port};
  plain.send("GET /files/x HTTP/1.1\r\nHost: a\r\n\r\n");
  CAF_CHECK(plain.read_until("HTTP").find("HTTP") == std::string::npos);
  CAF_CHECK(file_client{}.fetch_code(url, 0, 4) == errc::validation);
  CAF_CHECK(file_client{cluster.papers("away")}.fetch_code("http" + url.substr(5), 0, 4) == errc::validation);
  CAF_CHECK(soon([&] { return home.server->figures().failed_handshakes >= 4; }));
  CAF_CHECK(home.server->figures().transfers.empty());
}

CAF_TEST(a node that answers at another address is not believed) {
  home.options.papers = cluster.papers("home", {"home.example.org"});
  put_file(home.folder / "film", "text");
  home.start();
  CAF_CHECK(away.fetch_code(home.url(reading("film")), 0, 4) == errc::forbidden);
}

CAF_TEST(without certificates only loopback addresses are served and asked) {
  file_node open;
  open.options.address = "0.0.0.0";
  net::file_server server{open.options, open.hooks(), open.disk, open.threads};
  auto started = server.start();
  CAF_REQUIRE(!started);
  CAF_CHECK(started.error().code == errc::validation);
  file_client client;
  client.connect_timeout = milliseconds{500};
  CAF_CHECK(client.fetch_code("http://192.0.2.1:1/files/x", 0, 4) == errc::forbidden);
  CAF_CHECK(client.fetch_code("http://127.0.0.1:1/files/x", 0, 4) == errc::unavailable);
  CAF_CHECK(client.fetch_code("file:///etc/passwd", 0, 4) == errc::validation);
  CAF_CHECK(client.fetch_code("", 0, 4) == errc::validation);
  // Papers that don't fit together.
  for (auto& wrong :
       {net::peer_papers{"x", "y", "z"},
        net::peer_papers{cluster.papers("a").certificate, cluster.papers("b").key, cluster.ca.own().certificate}}) {
    open.options.papers = wrong;
    net::file_server other{open.options, open.hooks(), open.disk, open.threads};
    auto refused = other.start();
    CAF_REQUIRE(!refused);
    CAF_CHECK(refused.error().code == errc::validation);
  }
}

CAF_TEST(a file is pushed whole or not at all) {
  home.start();
  for (size_t size : {0u, 1u, 300'000u, 3'000'000u}) {
    auto text = random_text(size, size);
    auto name = "renditions/out-" + std::to_string(size);
    put_file(away.folder / "out", text);
    auto url = home.url(writing(name));
    auto pushed = away.push(url, away.folder / "out");
    CAF_REQUIRE_EQUAL(pushed ? "" : pushed.error().message, "");
    CAF_CHECK(content_of(home.folder / name) == text);
    CAF_CHECK_EQUAL(away.moved.load(), size);
    // Again is no error, another content is one.
    CAF_CHECK(away.push(url, away.folder / "out").has_value());
    put_file(away.folder / "out", random_text(size, 99) + "x");
    CAF_CHECK(code_of(away.push(url, away.folder / "out")) == errc::conflict);
    put_file(away.folder / "out", random_text(size, 99));
    if (size > 0)
      CAF_CHECK(code_of(away.push(url, away.folder / "out")) == errc::conflict);
    CAF_CHECK(content_of(home.folder / name) == text);
  }
  // Nothing else is left.
  CAF_CHECK_EQUAL(home.names().size(), 4u);
  CAF_CHECK(!fs::exists(home.folder / "tmp/01hf0000000000000000000001-1-1"));
}

CAF_TEST(a push that is cut off anywhere is taken up) {
  home.start();
  cutting_proxy proxy{home.port};
  constexpr size_t size = 1'500'000;
  auto text = random_text(size);
  put_file(away.folder / "out", text);
  for (int n : {1, 2, 3, 4, 5, 7, 11, 24}) {
    auto name = "out-" + std::to_string(n);
    auto url = home.url(writing(name), proxy.port);
    proxy.bytes_until_cut = 8000 + (size - 8000) / static_cast<uint64_t>(n);
    auto sent = proxy.bytes_from_clients.load();
    int tries = 0;
    std::string log;
    for (bool done = false; !done && tries < 4 * n + 10; ++tries) {
      // The clients of the one before may keep a connection that was not cut yet.
      file_client fresh{cluster.papers("away")};
      auto outcome = fresh.push(url, away.folder / "out");
      done = outcome.has_value();
      log += "\n" + std::to_string(proxy.bytes_from_clients - sent) + ": " + (done ? "done" : outcome.error().message);
      // An answer may be lost; half a file is never seen.
      CAF_CHECK(!done || fs::exists(home.folder / name));
      if (fs::exists(home.folder / name))
        CAF_CHECK(content_of(home.folder / name) == text);
    }
    CAF_CHECK(content_of(home.folder / name) == text);
    CAF_CHECK(tries >= (n == 1 ? 1 : 2));
    // What had arrived was not sent again, but for what libcurl had taken for a connection that was cut.
    auto moved = proxy.bytes_from_clients - sent;
    if (moved >= size + 400'000u * static_cast<unsigned>(tries))
      CAF_FAIL(moved << " bytes in " << tries << " tries for " << n << " cuts: " << log);
  }
}

CAF_TEST(a restarted node goes on with what has arrived) {
  home.start();
  auto text = random_text(700'000);
  put_file(away.folder / "out", text);
  auto x = writing("out");
  {
    cutting_proxy proxy{home.port};
    proxy.bytes_until_cut = 400'000;
    CAF_CHECK(!away.push(home.url(x, proxy.port), away.folder / "out"));
    std::this_thread::sleep_for(milliseconds{100});
  }
  CAF_CHECK(!fs::exists(home.folder / "out"));
  home.server->stop();
  CAF_REQUIRE_EQUAL(home.names().size(), 1u);
  auto partial = home.folder / home.names()[0];
  CAF_CHECK(partial.find("/tmp/01hf0000000000000000000001-1-1/") != std::string::npos);
  CAF_CHECK(fs::file_size(partial) > 200'000);
  home.start();
  CAF_CHECK(away.push(home.url(x), away.folder / "out").has_value());
  CAF_CHECK(content_of(home.folder / "out") == text);
}

CAF_TEST(what was spoilt on the way or on the disk is not published) {
  home.start();
  auto text = random_text(700'000);
  put_file(away.folder / "out", text);
  auto x = writing("out");
  {
    cutting_proxy proxy{home.port};
    proxy.bytes_until_cut = 400'000;
    CAF_CHECK(!away.push(home.url(x, proxy.port), away.folder / "out"));
    std::this_thread::sleep_for(milliseconds{100});
  }
  home.server->stop();
  auto partial = home.folder / home.names().at(0);
  {
    std::fstream file{partial, std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(1000);
    file.put(static_cast<char>(~text[1000]));
  }
  home.start();
  CAF_CHECK(code_of(away.push(home.url(x), away.folder / "out")) == errc::io);
  CAF_CHECK(home.names().empty());
  CAF_CHECK(away.push(home.url(x), away.folder / "out").has_value());
  CAF_CHECK(content_of(home.folder / "out") == text);
}

CAF_TEST(a folder appears at once) {
  home.start();
  auto x = home.ticket(file_action::write_folder, "renditions/hls-1", "away");
  auto url = home.url(x);
  put_file(away.folder / "a", "master");
  put_file(away.folder / "b", random_text(400'000));
  CAF_CHECK(code_of(away.publish(url)) == errc::conflict);
  CAF_CHECK(away.push(url + "/master.m3u8", away.folder / "a").has_value());
  CAF_CHECK(away.push(url + "/v1/seg%2000.m4s", away.folder / "b").has_value());
  CAF_CHECK(away.push(url + "/master.m3u8", away.folder / "a").has_value());
  CAF_CHECK(code_of(away.push(url + "/master.m3u8", away.folder / "b")) == errc::conflict);
  CAF_CHECK(!fs::exists(home.folder / "renditions"));
  for (auto* wrong : {"/..", "/../x", "/a/b/c", "/.hidden", "/A", "/", "/%00", "/a%2f%2e%2e"})
    CAF_CHECK(!away.push(url + wrong, away.folder / "a"));
  auto published = away.publish(url);
  CAF_CHECK_EQUAL(published ? "" : published.error().message, "");
  CAF_CHECK(
    (home.names() == std::vector<std::string>{"renditions/hls-1/master.m3u8", "renditions/hls-1/v1/seg 00.m4s"}));
  CAF_CHECK_EQUAL(content_of(home.folder / "renditions/hls-1/master.m3u8"), "master");
  // All of it again, for the answer may have been lost.
  CAF_CHECK(away.push(url + "/master.m3u8", away.folder / "a").has_value());
  CAF_CHECK(away.publish(url).has_value());
  CAF_CHECK(code_of(away.push(url + "/master.m3u8", away.folder / "b")) == errc::conflict);
  CAF_CHECK(code_of(away.push(url, away.folder / "a")) == errc::forbidden);
}

CAF_TEST(two attempts write one name and only one of two contents wins) {
  home.start();
  auto one = writing("out");
  auto two = one;
  two.token.attempt = 2;
  put_file(away.folder / "a", random_text(2'000'000, 1));
  put_file(away.folder / "b", random_text(2'000'000, 2));
  file_client second{cluster.papers("away")};
  result<void> first_done;
  result<void> second_done;
  std::thread other{[&] { second_done = second.push(home.url(two), away.folder / "b"); }};
  first_done = away.push(home.url(one), away.folder / "a");
  other.join();
  CAF_CHECK(first_done.has_value() != second_done.has_value());
  CAF_CHECK(code_of(first_done ? second_done : first_done) == errc::conflict);
  CAF_CHECK(content_of(home.folder / "out") == content_of(away.folder / (first_done ? "a" : "b")));
  // The same from both is success for both.
  one.path = two.path = "same";
  std::thread again{[&] { second_done = second.push(home.url(two), away.folder / "a"); }};
  first_done = away.push(home.url(one), away.folder / "a");
  again.join();
  CAF_CHECK(first_done.has_value() && second_done.has_value());
}

CAF_TEST(no more than the ticket allows) {
  home.start();
  auto x = writing("out");
  x.most_bytes = 999;
  put_file(away.folder / "out", std::string(1000, 'x'));
  CAF_CHECK(code_of(away.push(home.url(x), away.folder / "out")) == errc::too_large);
  put_file(away.folder / "out", std::string(999, 'x'));
  CAF_CHECK(away.push(home.url(x), away.folder / "out").has_value());
}

CAF_TEST(a full disk is told and the push goes on when there is room) {
  auto mounted = home.folder.path;
  if (::mount("tmpfs", mounted.c_str(), "tmpfs", 0, "size=1m") != 0) {
    std::cerr << "SKIPPED: a full disk is told (mounting is not allowed here)\n";
    return;
  }
  home.start();
  put_file(mounted + "/filler", std::string(700'000, 'x'));
  put_file(away.folder / "out", random_text(600'000));
  auto x = writing("out");
  CAF_CHECK(code_of(away.push(home.url(x), away.folder / "out")) == errc::storage_full);
  CAF_CHECK(!fs::exists(mounted + "/out"));
  fs::remove(mounted + "/filler");
  CAF_CHECK(away.push(home.url(x), away.folder / "out").has_value());
  CAF_CHECK(content_of(mounted + "/out") == content_of(away.folder / "out"));
  home.server->stop();
  ::umount2(mounted.c_str(), MNT_DETACH);
}

CAF_TEST(a full disk here is told and confirms nothing) {
  put_file(home.folder / "film", random_text(600'000));
  home.start();
  unique_fd full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
  CAF_REQUIRE(full);
  away.target = std::move(full);
  CAF_CHECK(away.fetch_code(home.url(reading("film")), 0, 600'000) == errc::storage_full);
}

CAF_TEST(a transfer can be cancelled) {
  home.options.bytes_per_second = 100'000;
  put_file(home.folder / "film", random_text(10'000'000));
  home.start();
  std::shared_ptr<ports::transfer> handle;
  auto running = away.begin_fetch(home.url(reading("film")), 0, 10'000'000, &handle);
  std::this_thread::sleep_for(milliseconds{200});
  handle->cancel();
  auto x = running.get();
  CAF_CHECK(x.failure.code == errc::cancelled);
  CAF_CHECK_EQUAL(x.bytes, 0u);
  handle->cancel();
  // The server stops to read for it.
  CAF_CHECK(soon([&] { return home.server->figures().transfers[{"read", "cut"}] == 1; }));
  running = away.begin_fetch(home.url(reading("film")), 0, 10'000'000);
  away.peer.reset();
  CAF_CHECK(running.get().failure.code == errc::cancelled);
}

CAF_TEST(a node gets no more than its share of bytes a second) {
  home.options.bytes_per_second = 400'000;
  put_file(home.folder / "film", random_text(400'000));
  home.start();
  auto url = home.url(reading("film"));
  auto begin = std::chrono::steady_clock::now();
  std::vector<std::future<ports::peer_files::fetched>> running;
  for (uint64_t i = 0; i < 8; ++i)
    running.push_back(away.begin_fetch(url, i * 50'000, 50'000));
  for (auto& x : running)
    CAF_CHECK(x.get().failure.code == errc::none);
  // A second's worth, less the burst.
  auto took = std::chrono::steady_clock::now() - begin;
  CAF_CHECK(took > milliseconds{650});
  CAF_CHECK(took < milliseconds{6000});
  home.server->set_limit(0);
  begin = std::chrono::steady_clock::now();
  CAF_CHECK(away.fetch_code(url, 0, 400'000) == errc::none);
  CAF_CHECK(std::chrono::steady_clock::now() - begin < milliseconds{600});
}

CAF_TEST(a server that stops ends what it sends) {
  home.options.bytes_per_second = 100'000;
  put_file(home.folder / "film", random_text(10'000'000));
  home.start();
  auto running = away.begin_fetch(home.url(reading("film")), 0, 10'000'000);
  std::this_thread::sleep_for(milliseconds{200});
  CAF_CHECK(!home.server->drain(milliseconds{200}));
  home.server->stop();
  auto x = running.get();
  CAF_CHECK(x.failure.code == errc::io);
  CAF_CHECK_EQUAL(x.bytes, 0u);
  CAF_CHECK(away.fetch_code(home.url(reading("film")), 0, 10) == errc::unavailable);
}

CAF_TEST(random ranges and pushes over a bad link come out right) {
  home.start();
  cutting_proxy proxy{home.port};
  auto text = random_text(2'000'000);
  put_file(home.folder / "film", text);
  for_seeds(8, [&](uint64_t seed) {
    std::mt19937_64 random{seed};
    proxy.bytes_until_cut = 3000 + random() % 300'000;
    file_client client{cluster.papers("away")};
    auto offset = random() % text.size();
    auto length = 1 + random() % (text.size() - offset);
    auto x = client.fetch(home.url(reading("film"), proxy.port), offset, length);
    if (x.failure.code == errc::none)
      CAF_REQUIRE(client.fetched(offset, length) == text.substr(offset, length));
    auto name = "out-" + std::to_string(seed);
    auto size = random() % 600'000;
    put_file(client.folder / "out", text.substr(0, size));
    auto ticket = writing(name);
    for (int tries = 0; tries < 1000 && !fs::exists(home.folder / name); ++tries) {
      file_client next{cluster.papers("away")};
      proxy.bytes_until_cut = 20'000 + random() % 300'000;
      (void)next.push(home.url(ticket, proxy.port), client.folder / "out");
    }
    CAF_REQUIRE(content_of(home.folder / name) == text.substr(0, size));
  });
}

CAF_TEST(how fast it is over TLS) {
  // A figure for people; the time is what the machine gives. The files are in memory.
  const uint64_t size = soaking() ? 256ull << 20 : 16ull << 20;
  put_file(home.folder / "film", random_text(1 << 20));
  fs::resize_file(home.folder / "film", size);
  home.start();
  auto url = home.url(reading("film"));
  for (auto pieces : {1u, 4u}) {
    auto begin = std::chrono::steady_clock::now();
    std::vector<std::future<ports::peer_files::fetched>> running;
    for (uint64_t i = 0; i < pieces; ++i)
      running.push_back(away.begin_fetch(url, i * size / pieces, size / pieces));
    for (auto& x : running)
      CAF_CHECK_EQUAL(x.get().failure.message, "");
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    CAF_MESSAGE("fetched " << size << " bytes in " << pieces
                           << " ranges at once: " << static_cast<double>(size) / took.count() / 1e6 << " MB/s");
  }
  auto begin = std::chrono::steady_clock::now();
  CAF_CHECK(away.push(home.url(writing("copy")), home.folder / "film").has_value());
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  CAF_MESSAGE("pushed " << size << " bytes: " << static_cast<double>(size) / took.count() / 1e6 << " MB/s");
  CAF_CHECK_EQUAL(fs::file_size(home.folder / "copy"), size);
}

CAF_TEST_FIXTURE_SCOPE_END()

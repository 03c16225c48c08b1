#define CAF_SUITE net.file_callers

// Who calls a file server: strangers who say nothing, and nodes that want more than their share.

#include "tests/unit/net/peer_fixture.hpp"

#include "tests/support/raw_http.hpp"

#include <deque>

using namespace troupe;
using namespace troupe::test;

namespace {

using raw_clients = std::deque<raw_client>;

const std::string question = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

size_t count_closed(raw_clients& all) {
  return static_cast<size_t>(std::count_if(all.begin(), all.end(), [](auto& x) { return x.closed_within(0); }));
}

struct fixture {
  test_cluster cluster;
  file_node home;
  std::string text = random_text(600'000);

  fixture() {
    put_file(home.folder / "film", text);
  }
  void start_with_papers() {
    home.options.papers = cluster.papers("home");
    home.start();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(file_caller_tests, fixture)

CAF_TEST(silent callers keep nobody out) {
  home.options.max_connections = 200;
  start_with_papers();
  raw_clients silent;
  for (size_t i = 0; i < home.options.max_connections + 100; ++i)
    silent.emplace_back(home.port);
  file_client away{cluster.papers("away")};
  const auto url = home.url(home.ticket(file_action::read, "film", "away"));
  for (int i = 0; i < 5; ++i) {
    CAF_CHECK_EQUAL(away.fetch(url, 0, 600'000).failure.message, "");
    silent.emplace_back(home.port);
  }
  // Of one address there are so many, the youngest.
  const auto left = home.options.max_unfinished_each;
  CAF_CHECK(soon([&] { return count_closed(silent) == silent.size() - left; }));
  CAF_CHECK(!silent.back().closed_within(0));
  CAF_CHECK(silent.front().closed_within(0));
}

CAF_TEST(the same for those who have shown a certificate or need none and ask for nothing) {
  home.options.max_unfinished = 20;
  home.options.max_unfinished_each = 10;
  home.options.header_deadline = milliseconds{2'000};
  home.start();
  raw_clients silent;
  for (int i = 0; i < 50; ++i)
    silent.emplace_back(home.port);
  raw_client honest{home.port};
  auto answer = honest.ask(question);
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 404);
  CAF_CHECK(soon([&] { return count_closed(silent) == 41; }));
  // Who has asked is idle for as long as ever; who never has is not waited for so long.
  CAF_CHECK(soon([&] { return count_closed(silent) == 50; }));
  answer = honest.ask(question);
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 404);
}

CAF_TEST(a node has so many connections and is told so) {
  home.options.max_connections_each = 3;
  home.options.bytes_per_second = 200'000;
  start_with_papers();
  file_client away{cluster.papers("away")};
  file_client other{cluster.papers("other")};
  const auto url = home.url(home.ticket(file_action::read, "film", "away"));
  std::vector<std::shared_ptr<ports::transfer>> transfers(3);
  std::vector<std::future<ports::peer_files::fetched>> running;
  for (auto& x : transfers)
    running.push_back(away.begin_fetch(url, 0, 600'000, &x));
  CAF_REQUIRE(soon([&] { return home.server->figures().connections == 3 && away.moved > 0; }));
  auto refused = away.fetch(url, 0, 10).failure;
  CAF_CHECK(refused.code == errc::unavailable);
  CAF_CHECK(refused.message.find("node away has 3 connections here") != std::string::npos);
  CAF_CHECK_EQUAL(refused.retry_after.count(), 5'000);
  // It is no matter of others at the same address.
  const auto theirs = home.url(home.ticket(file_action::read, "film", "other"));
  CAF_CHECK_EQUAL(other.fetch(theirs, 0, 10).failure.message, "");
  for (auto& x : transfers)
    x->cancel();
  for (auto& x : running)
    x.wait();
  CAF_CHECK(soon([&] { return away.begin_fetch(url, 0, 10).get().failure.code == errc::none; }));
}

CAF_TEST(without certificates an address has so many) {
  home.options.max_connections_each = 3;
  home.start();
  raw_clients open;
  for (int i = 0; i < 3; ++i) {
    open.emplace_back(home.port);
    CAF_CHECK_EQUAL(open.back().ask(question)->status, 404);
  }
  raw_client more{home.port};
  auto refused = more.ask(question);
  CAF_REQUIRE(refused.has_value());
  CAF_CHECK_EQUAL(refused->status, 503);
  CAF_CHECK_EQUAL(refused->header("retry-after"), "5");
  CAF_CHECK_EQUAL(refused->header("error-code"), "unavailable");
  CAF_CHECK(refused->body.find("this address has 3 connections here") != std::string::npos);
  CAF_CHECK(more.closed_within(3000));
  // One that sends a body is told as well, and not listened to for ever.
  raw_client loud{home.port};
  refused = loud.ask("PATCH / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc");
  CAF_REQUIRE(refused.has_value());
  CAF_CHECK_EQUAL(refused->status, 503);
  CAF_CHECK(loud.closed_within(5000));
  open.pop_front();
  CAF_CHECK(soon([&] {
    auto answer = raw_client{home.port}.ask(question);
    return answer && answer->status == 404;
  }));
}

CAF_TEST(who is idle longest makes room and who is at work stays) {
  home.options.max_connections = 3;
  home.options.bytes_per_second = 200'000;
  home.start();
  raw_client busy{home.port};
  busy.send("GET " + home.path(home.ticket(file_action::read, "film")) + " HTTP/1.1\r\nHost: a\r\n\r\n");
  CAF_CHECK_EQUAL(busy.read_bytes(1000).size() >= 1000, true);
  raw_client first{home.port};
  CAF_CHECK_EQUAL(first.ask(question)->status, 404);
  raw_client second{home.port};
  CAF_CHECK_EQUAL(second.ask(question)->status, 404);
  raw_client third{home.port};
  CAF_CHECK_EQUAL(third.ask(question)->status, 404);
  CAF_CHECK(first.closed_within(3000));
  CAF_CHECK(!second.closed_within(100));
  CAF_CHECK_GREATER_OR_EQUAL(busy.read_bytes(100'000).size(), 100'000u);
  CAF_CHECK_EQUAL(home.server->figures().refused_connections, 0u);
}

CAF_TEST_FIXTURE_SCOPE_END()

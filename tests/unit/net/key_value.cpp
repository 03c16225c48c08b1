#define CAF_SUITE net.key_value

#include "net/key_value.hpp"

#include "tests/support/raw_server.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <future>

using namespace troupe;

namespace {

using text = std::optional<std::string>;

net::redis_options options_for(uint16_t port, std::string password = {}) {
  net::redis_options x;
  x.address.port = port;
  x.address.password = std::move(password);
  x.first_backoff = milliseconds{10};
  x.last_backoff = milliseconds{50};
  return x;
}

result<text> get(ports::key_value& kv, std::string key) {
  std::promise<result<text>> p;
  kv.get(std::move(key), [&](result<text> x) { p.set_value(std::move(x)); });
  return p.get_future().get();
}

result<void> set(ports::key_value& kv, std::string key, std::string value, milliseconds ttl = milliseconds{60'000}) {
  std::promise<result<void>> p;
  kv.set(std::move(key), std::move(value), ttl, [&](result<void> x) { p.set_value(std::move(x)); });
  return p.get_future().get();
}

result<milliseconds> ping(ports::key_value& kv) {
  std::promise<result<milliseconds>> p;
  kv.ping([&](result<milliseconds> x) { p.set_value(std::move(x)); });
  return p.get_future().get();
}

bool soon(const std::function<bool()>& what) {
  for (int i = 0; i < 300; ++i) {
    if (what())
      return true;
    std::this_thread::sleep_for(milliseconds{10});
  }
  return false;
}

bool connects(ports::key_value& kv) {
  return soon([&] { return kv.stats().connected; });
}

template <class T>
errc code_of(const result<T>& x) {
  return x ? errc::none : x.error().code;
}

} // namespace

CAF_TEST(values come back as they were and go in time) {
  test::redis_server server;
  auto kv = net::make_redis(options_for(server.port()));
  CAF_REQUIRE(connects(*kv));
  auto nothing = get(*kv, "a");
  CAF_REQUIRE(nothing.has_value());
  CAF_CHECK(!nothing->has_value());
  std::string odd{"with \0 and \r\n and spaces", 24};
  CAF_CHECK(set(*kv, odd, odd));
  auto back = get(*kv, odd);
  CAF_REQUIRE(back.has_value());
  CAF_CHECK(**back == odd);
  CAF_CHECK(set(*kv, "empty", ""));
  CAF_CHECK((*get(*kv, "empty")).value().empty());
  std::string large(5'000'000, 'x');
  CAF_CHECK(set(*kv, "large", large));
  CAF_CHECK((*get(*kv, "large")).value() == large);
  CAF_CHECK(set(*kv, "short", "x", milliseconds{30}));
  std::this_thread::sleep_for(milliseconds{60});
  CAF_CHECK(!get(*kv, "short")->has_value());
  std::promise<result<void>> p;
  kv->erase("large", [&](result<void> x) { p.set_value(std::move(x)); });
  CAF_CHECK(p.get_future().get());
  CAF_CHECK(!get(*kv, "large")->has_value());
  auto round_trip = ping(*kv);
  CAF_REQUIRE(round_trip.has_value());
  CAF_CHECK(*round_trip < milliseconds{500});
  kv->publish("channel", "message");
  CAF_CHECK_EQUAL(kv->stats().reconnects, 0u);
}

CAF_TEST(password and database) {
  test::redis_server server{"s3cret pass"};
  auto options = options_for(server.port(), "s3cret pass");
  options.address.database = 3;
  auto kv = net::make_redis(options);
  CAF_REQUIRE(connects(*kv));
  CAF_CHECK(set(*kv, "a", "in 3"));
  options.address.database = 0;
  auto other = net::make_redis(options);
  CAF_REQUIRE(connects(*other));
  CAF_CHECK(!get(*other, "a")->has_value());
  for (auto wrong : {"", "t0psecret"}) {
    options.address.password = wrong;
    auto refused = net::make_redis(options);
    CAF_CHECK(soon([&] {
      auto x = ping(*refused);
      return !x && x.error().message.find("refuses the user or password") != std::string::npos;
    }));
    auto x = ping(*refused);
    CAF_CHECK(code_of(x) == errc::unavailable);
    CAF_CHECK(x.error().message.find("t0psecret") == std::string::npos);
    CAF_CHECK(!refused->stats().connected);
  }
  options.address.password = "s3cret pass";
  options.address.database = 9999;
  auto nowhere = net::make_redis(options);
  std::this_thread::sleep_for(milliseconds{100});
  CAF_CHECK(!nowhere->stats().connected);
}

CAF_TEST(killed half way and restarted) {
  test::redis_server server;
  auto kv = net::make_redis(options_for(server.port()));
  CAF_REQUIRE(connects(*kv));
  std::atomic<int> asked{0};
  std::atomic<int> answered{0};
  std::atomic<int> failed{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> askers;
  for (int t = 0; t < 3; ++t)
    askers.emplace_back([&] {
      while (!stop) {
        for (int i = 0; i < 50; ++i) {
          ++asked;
          kv->get("k", [&](result<text> x) { ++(x ? answered : failed); });
        }
        std::this_thread::sleep_for(milliseconds{1});
      }
    });
  std::this_thread::sleep_for(milliseconds{100});
  server.kill();
  CAF_CHECK(soon([&] { return !kv->stats().connected && failed > 100; }));
  // While it is down, the answer comes at once.
  auto began = std::chrono::steady_clock::now();
  CAF_CHECK(code_of(get(*kv, "k")) == errc::unavailable);
  CAF_CHECK(std::chrono::steady_clock::now() - began < milliseconds{300});
  server.start();
  CAF_CHECK(connects(*kv));
  auto before = answered.load();
  CAF_CHECK(soon([&] { return answered > before + 100; }));
  stop = true;
  for (auto& t : askers)
    t.join();
  CAF_CHECK(soon([&] { return answered + failed == asked; }));
  CAF_CHECK_EQUAL(kv->stats().reconnects, 1u);
  CAF_CHECK(set(*kv, "k", "v"));
}

CAF_TEST(a paused server is a timeout and the connection is made anew) {
  test::redis_server server;
  auto options = options_for(server.port());
  options.command_timeout = milliseconds{150};
  options.connect_timeout = milliseconds{150};
  auto kv = net::make_redis(options);
  CAF_REQUIRE(connects(*kv));
  server.pause();
  auto began = std::chrono::steady_clock::now();
  auto x = get(*kv, "a");
  auto took = std::chrono::steady_clock::now() - began;
  auto next = get(*kv, "a");
  std::this_thread::sleep_for(milliseconds{400});
  bool connected = kv->stats().connected;
  server.go_on();
  CAF_CHECK(code_of(x) == errc::timeout);
  CAF_CHECK(took >= milliseconds{140} && took < milliseconds{1000});
  CAF_CHECK(code_of(next) == errc::unavailable);
  CAF_CHECK(!connected);
  CAF_CHECK(connects(*kv));
  CAF_CHECK(ping(*kv));
}

CAF_TEST(calls are bounded) {
  test::redis_server server;
  auto options = options_for(server.port());
  options.max_calls = 10;
  options.command_timeout = milliseconds{2'000};
  auto kv = net::make_redis(options);
  CAF_REQUIRE(connects(*kv));
  server.pause();
  std::atomic<int> fine{0};
  std::atomic<int> refused{0};
  for (int i = 0; i < 15; ++i)
    kv->get("a", [&](result<text> x) { ++(x ? fine : refused); });
  CAF_CHECK(soon([&] { return refused == 5; }));
  server.go_on();
  CAF_CHECK(soon([&] { return fine == 10; }));
  CAF_CHECK(ping(*kv));
}

CAF_TEST(nobody there and rubbish from there) {
  auto kv = net::make_redis(options_for(test::free_port()));
  CAF_CHECK(code_of(ping(*kv)) == errc::unavailable);
  CAF_CHECK(soon([&] {
    auto x = ping(*kv);
    return !x && x.error().message.find("refused") != std::string::npos;
  }));
  for (std::string rubbish :
       {"HTTP/1.1 400 Bad Request\r\n\r\n", "$99999999999999999999\r\n", "+PONG\r\n:1\r\n+PONG\r\n"}) {
    // Its handler starts at the end of a head, which the password brings.
    test::raw_server server{[&](const test::raw_peer& peer, const std::string&) {
      peer.send(rubbish);
      peer.hold(100);
    }};
    auto odd = net::make_redis(options_for(static_cast<uint16_t>(server.port()), "\r\n\r\n"));
    CAF_CHECK(soon([&] { return server.heads().size() >= 2; }));
    CAF_CHECK(!ping(*odd));
  }
}

CAF_TEST(the end answers everybody) {
  test::redis_server server;
  std::atomic<int> told{0};
  {
    auto kv = net::make_redis(options_for(server.port()));
    CAF_REQUIRE(connects(*kv));
    server.pause();
    for (int i = 0; i < 5; ++i)
      kv->get("a", [&](result<text>) { ++told; });
  }
  server.go_on();
  CAF_CHECK_EQUAL(told.load(), 5);
}

CAF_TEST(addresses) {
  auto x = net::parse_redis_url("redis://user:p%40ss%2Fw@example.org:6380/2");
  CAF_REQUIRE(x.has_value());
  CAF_CHECK_EQUAL(x->user, "user");
  CAF_CHECK_EQUAL(x->password, "p@ss/w");
  CAF_CHECK_EQUAL(x->host, "example.org");
  CAF_CHECK_EQUAL(x->port, 6380);
  CAF_CHECK_EQUAL(x->database, 2u);
  x = net::parse_redis_url("redis://:secret@[::1]");
  CAF_REQUIRE(x.has_value());
  CAF_CHECK_EQUAL(x->host, "::1");
  CAF_CHECK_EQUAL(x->password, "secret");
  CAF_CHECK_EQUAL(x->port, 6379);
  CAF_CHECK(net::parse_redis_url("redis://localhost/"));
  CAF_CHECK(net::parse_redis_url("redis://localhost:1"));
  for (auto bad : {"", "localhost", "http://x", "rediss://x", "redis://x:0", "redis://x:99999", "redis://x:port",
                   "redis://x/db", "redis://[::1", "redis://a:%zz@x", "redis://[]", "redis://[::1]x"}) {
    auto y = net::parse_redis_url(bad);
    CAF_CHECK(!y);
    CAF_CHECK(code_of(y) == errc::validation);
  }
}

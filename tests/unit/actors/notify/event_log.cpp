#define CAF_SUITE notify.event_log

#include "actors/notify/event_log.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <random>

using namespace troupe;
using notify::event_log;
using notify::event_log_config;

namespace {

event progress(std::string topic, std::string data) {
  event e;
  e.topic = std::move(topic);
  e.type = "job_progress";
  e.data = std::move(data);
  e.coalesce = true;
  return e;
}

event state(std::string topic, std::string data, bool last = false) {
  event e;
  e.topic = std::move(topic);
  e.type = "job_state";
  e.data = std::move(data);
  e.last = last;
  return e;
}

struct fixture {
  test::manual_clock clk;
  event_log log{{}, clk, 7};
  std::vector<event> told;

  std::vector<std::string> take() {
    std::vector<std::string> result;
    for (auto& e : std::exchange(told, {}))
      result.push_back(e.data);
    return result;
  }
};

using strings = std::vector<std::string>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(event_log_tests, fixture)

CAF_TEST(the first progress goes out at once and the newest of the rest after the interval) {
  log.publish(progress("a", "1"), told);
  CAF_CHECK_EQUAL(take(), strings{"1"});
  CAF_CHECK(log.next_deadline() == mono_time::max());
  log.publish(progress("a", "2"), told);
  log.publish(progress("a", "3"), told);
  CAF_CHECK_EQUAL(take(), strings{});
  CAF_CHECK(log.next_deadline() == clk.mono() + milliseconds{100});
  clk.advance(milliseconds{99});
  log.tick(told);
  CAF_CHECK_EQUAL(take(), strings{});
  clk.advance(milliseconds{1});
  log.tick(told);
  CAF_CHECK_EQUAL(take(), strings{"3"});
  log.publish(progress("a", "4"), told);
  CAF_CHECK_EQUAL(take(), strings{});
  clk.advance(milliseconds{500});
  log.tick(told);
  clk.advance(milliseconds{100});
  CAF_CHECK_EQUAL(take(), strings{"4"});
  log.publish(progress("a", "5"), told);
  CAF_CHECK_EQUAL(take(), strings{"5"});
}

CAF_TEST(who reports at just the rate is not held back by jitter) {
  std::mt19937_64 rng{7};
  auto begin = clk.mono();
  for (int i = 0; i < 1'000; ++i) {
    auto at = begin + milliseconds{100 * i + static_cast<int>(rng() % 20)};
    clk.advance(std::chrono::duration_cast<milliseconds>(at - clk.mono()));
    log.publish(progress("a", std::to_string(i)), told);
    CAF_CHECK_EQUAL(take(), strings{std::to_string(i)});
  }
}

CAF_TEST(who reports faster is told of at the rate) {
  size_t n = 0;
  for (int i = 0; i < 1'000; ++i) {
    log.publish(progress("a", std::to_string(i)), told);
    log.tick(told);
    n += take().size();
    clk.advance(milliseconds{10});
  }
  // 10 s.
  CAF_CHECK(n >= 99 && n <= 101);
}

CAF_TEST(a state change tells the progress that waits first) {
  log.publish(progress("a", "1"), told);
  log.publish(progress("a", "2"), told);
  log.publish(state("a", "done", true), told);
  CAF_CHECK_EQUAL(take(), (strings{"1", "2", "done"}));
  clk.advance(milliseconds{1000});
  log.tick(told);
  CAF_CHECK_EQUAL(take(), strings{});
}

CAF_TEST(topics and types do not slow each other down) {
  log.publish(progress("a", "1"), told);
  log.publish(progress("b", "2"), told);
  auto other = progress("a", "3");
  other.type = "scan_progress";
  log.publish(other, told);
  CAF_CHECK_EQUAL(take(), (strings{"1", "2", "3"}));
}

CAF_TEST(numbers and epoch) {
  for (int i = 0; i < 3; ++i)
    log.publish(state("a", "x"), told);
  CAF_REQUIRE_EQUAL(told.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    CAF_CHECK_EQUAL(told[i].seq, i + 1);
    CAF_CHECK_EQUAL(told[i].epoch, 7u);
    CAF_CHECK(is_set(told[i].at));
  }
  auto now = log.catch_up({"a", 0, 0});
  CAF_CHECK(now.events.empty() && !now.gap);
  CAF_CHECK_EQUAL(now.position.seq, 3u);
  auto rest = log.catch_up({"a", 7, 1});
  CAF_CHECK_EQUAL(rest.events.size(), 2u);
  CAF_CHECK(!rest.gap);
  CAF_CHECK(log.catch_up({"a", 8, 1}).gap);
  CAF_CHECK(log.catch_up({"a", 7, 99}).gap);
  CAF_CHECK(!log.catch_up({"unheard of", 7, 0}).gap);
  CAF_CHECK(log.catch_up({"unheard of", 7, 5}).gap);
}

CAF_TEST(replaced progress neither fills the memory nor makes a gap) {
  log.publish(state("a", "start"), told);
  for (int i = 0; i < 5000; ++i) {
    log.publish(progress("a", std::to_string(i)), told);
    clk.advance(milliseconds{100});
    log.tick(told);
  }
  CAF_CHECK_EQUAL(log.kept_events(), 2u);
  auto all = log.catch_up({"a", 7, 0});
  CAF_CHECK(!all.gap);
  CAF_REQUIRE_EQUAL(all.events.size(), 2u);
  CAF_CHECK_EQUAL(all.events[1].data, "4999");
}

CAF_TEST(a topic that ended is forgotten and its numbers never come again) {
  log.publish(state("a", "1"), told);
  log.publish(state("a", "2", true), told);
  clk.advance(milliseconds{299'999});
  log.tick(told);
  CAF_CHECK_EQUAL(log.topics(), 1u);
  CAF_CHECK_EQUAL(log.catch_up({"a", 7, 0}).events.size(), 2u);
  clk.advance(milliseconds{1});
  log.tick(told);
  CAF_CHECK_EQUAL(log.topics(), 0u);
  CAF_CHECK_EQUAL(log.kept_events(), 0u);
  CAF_CHECK_EQUAL(log.kept_bytes(), 0u);
  CAF_CHECK(log.catch_up({"a", 7, 1}).gap);
  CAF_CHECK(!log.catch_up({"a", 7, 2}).gap);
  told.clear();
  log.publish(state("a", "3"), told);
  CAF_CHECK_EQUAL(told.at(0).seq, 3u);
  CAF_CHECK(log.catch_up({"a", 7, 1}).gap);
  CAF_CHECK_EQUAL(log.catch_up({"a", 7, 2}).events.size(), 1u);
}

CAF_TEST(an ended topic that goes on is kept) {
  log.publish(state("a", "1", true), told);
  log.publish(state("a", "retried"), told);
  clk.advance(milliseconds{10'000'000});
  log.tick(told);
  CAF_CHECK_EQUAL(log.topics(), 1u);
}

CAF_TEST(bounds of all topics) {
  event_log small{{milliseconds{100}, 4, 10, 100'000, 5, milliseconds{1000}}, clk, 7};
  for (int i = 0; i < 100; ++i)
    small.publish(state("t" + std::to_string(i % 20), "x"), told);
  CAF_CHECK_EQUAL(small.topics(), 5u);
  CAF_CHECK(small.kept_events() <= 10);
  for (int i = 0; i < 100; ++i)
    small.publish(state("one", std::string(30'000, 'x')), told);
  CAF_CHECK(small.kept_bytes() <= 100'000);
  small.publish(state("one", std::string(300'000, 'x')), told);
  CAF_CHECK_EQUAL(small.kept_events(), 0u);
  auto seq = told.back().seq;
  CAF_CHECK(!small.catch_up({"one", 7, seq}).gap);
  CAF_CHECK(small.catch_up({"one", 7, seq - 1}).gap);
}

CAF_TEST_FIXTURE_SCOPE_END()

namespace {

/// A client of one topic as a browser behaves: it sees live events while it is connected, and asks for the rest when it
/// comes back.
struct client {
  std::string topic;
  bool connected = false;
  event_position position;
  /// Data of state events, in the order they were told; "gap" where it was told of one.
  strings seen;
  std::string last_progress;

  void take(const event& e) {
    if (e.seq <= position.seq)
      throw std::logic_error{"told twice"};
    position.seq = e.seq;
    if (e.coalesce)
      last_progress = e.data;
    else
      seen.push_back(e.data);
  }
};

/// One life of a log under random events, time and reconnects, held against a plain list of what was published.
struct world {
  std::mt19937_64 rng;
  test::manual_clock clk;
  event_log log;
  std::map<std::string, strings> published;
  std::map<std::string, std::string> newest_progress;
  std::vector<client> clients;

  explicit world(uint64_t seed) : rng{seed}, log{config(), clk, 1 + rng() % 1000} {
    for (int i = 0; i < 6; ++i)
      clients.push_back({"t" + std::to_string(i % 3), false, {}, {}, {}});
  }

  uint64_t pick(uint64_t n) {
    return rng() % n;
  }

  event_log_config config() {
    return {milliseconds{100}, 2 + pick(6), 4 + pick(20), 2000 + pick(20'000), 1 + pick(5), milliseconds{500}};
  }

  void deliver(const std::vector<event>& told) {
    for (auto& e : told)
      for (auto& c : clients)
        if (c.connected && c.topic == e.topic)
          c.take(e);
  }

  void publish(int n) {
    auto topic = "t" + std::to_string(pick(4));
    auto data = std::to_string(n) + std::string(pick(300), ' ');
    std::vector<event> told;
    if (pick(2) == 0) {
      newest_progress[topic] = data;
      log.publish(progress(topic, data), told);
    } else {
      published[topic].push_back(data);
      log.publish(state(topic, data, pick(10) == 0), told);
    }
    deliver(told);
  }

  void pass_time() {
    clk.advance(milliseconds{pick(200)});
    std::vector<event> told;
    log.tick(told);
    deliver(told);
  }

  void connect(client& c) {
    auto answer = log.catch_up(c.position.epoch ? c.position : event_position{c.topic, 0, 0});
    c.connected = true;
    if (c.position.epoch == 0 || answer.gap) {
      // It starts from a snapshot: all that was published by now.
      CAF_REQUIRE(answer.events.empty());
      c.seen = published[c.topic];
      c.position = answer.position;
      return;
    }
    for (auto& e : answer.events)
      c.take(e);
    CAF_REQUIRE_EQUAL(c.position.seq, answer.position.seq);
  }

  void check(const client& c) {
    if (c.connected)
      CAF_REQUIRE_EQUAL(c.seen, published[c.topic]);
  }

  void run() {
    for (int n = 0; n < 150; ++n) {
      auto& c = clients[pick(clients.size())];
      switch (pick(8)) {
      case 0:
        if (!c.connected)
          connect(c);
        break;
      case 1:
        c.connected = false;
        break;
      case 2:
        pass_time();
        break;
      default:
        publish(n);
      }
      for (auto& x : clients)
        check(x);
    }
    finish();
  }

  /// In the end everybody has the newest progress although not every one was told.
  void finish() {
    for (auto& c : clients)
      if (!c.connected)
        connect(c);
    for (auto& [topic, data] : newest_progress)
      newest_progress[topic] = data = "final";
    std::vector<event> told;
    for (auto& [topic, data] : newest_progress)
      log.publish(progress(topic, data), told);
    // One that was told early puts the next off by as much.
    clk.advance(milliseconds{125});
    log.tick(told);
    deliver(told);
    for (auto& c : clients) {
      check(c);
      if (newest_progress.count(c.topic))
        CAF_REQUIRE_EQUAL(c.last_progress, "final");
    }
  }
};

} // namespace

CAF_TEST(a client that reconnects anywhere sees each event once and in order or is told of a gap) {
  test::for_seeds(3000, [](uint64_t seed) { world{seed}.run(); });
}

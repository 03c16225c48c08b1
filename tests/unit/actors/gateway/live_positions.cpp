#define CAF_SUITE gateway.live_positions

#include "actors/gateway/live_positions.hpp"

#include "actors/gateway/render.hpp"
#include "actors/notify/event_log.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/seeds.hpp"

using namespace troupe;
using namespace troupe::gateway;

namespace {

const std::vector<std::string> topics{"jobs", "library:films", "status"};

/// A client that reads all topics, as a live session does: what was told already is nothing new.
struct client {
  std::map<std::string, std::pair<uint64_t, uint64_t>> at;

  void read(const event& e) {
    auto& [epoch, seq] = at[e.topic];
    if (e.epoch == epoch && e.seq <= seq)
      return;
    // A snapshot stands for what came before it; anything else must come next.
    if (e.type != "snapshot" && !(e.epoch == epoch && e.seq == seq + 1))
      throw std::runtime_error{e.topic + ": " + std::to_string(e.epoch) + "-" + std::to_string(e.seq) + " after "
                               + std::to_string(epoch) + "-" + std::to_string(seq)};
    epoch = e.epoch;
    seq = e.seq;
  }
};

/// A notifier on another node, the way to it, and a gateway; everything happens in an order that a seed chooses.
struct world {
  explicit world(uint64_t seed) : rng(seed) {
    begin_anew();
    for (auto& t : topics) {
      auto now = log->catch_up({t, 0, 0}).position;
      positions.told(now);
      reader.at[t] = {now.epoch, now.seq};
    }
  }

  size_t below(size_t n) {
    return rng() % n;
  }
  void begin_anew() {
    notify::event_log_config small;
    small.max_events_per_topic = 3;
    log.emplace(small, time, ++epoch);
    cut();
  }
  /// What had arrived is still read; what was under way is lost, and so are answers.
  void cut() {
    linked = false;
    asked.clear();
    on_its_way.resize(std::min(on_its_way.size(), below(4)));
  }
  void publish() {
    event e;
    e.topic = topics[below(topics.size())];
    e.type = "job_completed";
    std::vector<event> told;
    log->publish(std::move(e), told);
    if (linked)
      on_its_way.insert(on_its_way.end(), told.begin(), told.end());
  }
  void arrive() {
    auto n = std::min(on_its_way.size(), 1 + below(3));
    std::vector<event> batch{on_its_way.begin(), on_its_way.begin() + static_cast<ptrdiff_t>(n)};
    on_its_way.erase(on_its_way.begin(), on_its_way.begin() + static_cast<ptrdiff_t>(n));
    for (auto& e : positions.pass(std::move(batch)))
      reader.read(e);
  }
  /// Anew, or once more over the same connection, which keeps what is under way; answers of an earlier round are void.
  void link() {
    while (!linked && !on_its_way.empty())
      arrive();
    asked.clear();
    linked = true;
    positions.start_over();
  }
  void ask() {
    if (auto next = linked ? positions.next() : std::nullopt)
      asked.push_back(*next);
  }
  /// Answers and live events come over one connection: what was sent before the answer was made has arrived before it.
  void answer() {
    if (asked.empty())
      return;
    auto since = asked.front();
    asked.erase(asked.begin());
    while (!on_its_way.empty())
      arrive();
    auto got = log->catch_up(since);
    auto missed = std::move(got.events);
    if (got.gap)
      missed = {gap_event(since.topic, got.position)};
    for (auto& e : positions.caught_up(got.position, std::move(missed)))
      reader.read(e);
  }
  void settle() {
    link();
    for (size_t i = 0; i < topics.size(); ++i)
      ask();
    while (!asked.empty())
      answer();
    while (!on_its_way.empty())
      arrive();
  }

  std::mt19937_64 rng;
  test::manual_clock time;
  uint64_t epoch = 0;
  std::optional<notify::event_log> log;
  bool linked = false;
  std::vector<event> on_its_way;
  std::vector<event_position> asked;
  live_positions positions;
  client reader;
};

event live(const std::string& topic, uint64_t epoch, uint64_t seq) {
  event e;
  e.topic = topic;
  e.type = "x";
  e.epoch = epoch;
  e.seq = seq;
  return e;
}

} // namespace

CAF_TEST(whatever is cut or begins anew the client misses nothing without being told) {
  test::for_seeds(2'000, [](uint64_t seed) {
    world w{seed};
    for (int step = 0; step < 120; ++step) {
      switch (w.below(12)) {
      case 0:
        w.begin_anew();
        break;
      case 1:
        w.cut();
        break;
      case 2:
        w.link();
        break;
      case 3:
      case 4:
        w.ask();
        break;
      case 5:
      case 6:
        w.answer();
        break;
      case 7:
      case 8:
        w.arrive();
        break;
      default:
        w.publish();
      }
    }
    w.settle();
    for (auto& t : topics) {
      auto now = w.log->catch_up({t, 0, 0}).position;
      if (w.reader.at[t] != std::pair{now.epoch, now.seq})
        throw std::runtime_error{t + " is not as the notifier has it"};
    }
  });
}

CAF_TEST(a topic that nobody follows is not caught up with) {
  live_positions p;
  p.told({"jobs", 1, 5});
  p.told({"status", 1, 2});
  p.forget("jobs");
  p.start_over();
  auto one = p.next();
  CAF_REQUIRE(one.has_value());
  CAF_CHECK_EQUAL(one->topic, "status");
  CAF_CHECK_EQUAL(one->seq, 2u);
  CAF_CHECK(!p.next().has_value());
  // Gone while its answer was on the way.
  p.forget("status");
  CAF_CHECK(p.caught_up({"status", 2, 1}, {live("status", 2, 1)}).empty());
  CAF_CHECK_EQUAL(p.size(), 0u);
}

CAF_TEST(live events of a topic without a position pass and those being caught up with wait) {
  live_positions p;
  CAF_CHECK_EQUAL(p.pass({live("jobs", 1, 1)}).size(), 1u);
  CAF_CHECK_EQUAL(p.size(), 0u);
  p.told({"status", 1, 2});
  p.start_over();
  CAF_CHECK_EQUAL(p.pass({live("status", 2, 1), live("status", 2, 2), live("jobs", 1, 2)}).size(), 1u);
  auto now = p.caught_up({"status", 2, 1}, {});
  CAF_REQUIRE_EQUAL(now.size(), 1u);
  CAF_CHECK_EQUAL(now[0].seq, 2u);
}

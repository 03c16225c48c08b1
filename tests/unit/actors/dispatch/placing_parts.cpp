#define CAF_SUITE dispatch.placing_parts

#include "actors/dispatch/age_line.hpp"
#include "actors/dispatch/speeds.hpp"
#include "tests/support/seeds.hpp"

using namespace troupe;
using namespace troupe::dispatch;

CAF_TEST(a line is in order whatever comes and goes) {
  test::for_seeds(300, [](uint64_t seed) {
    std::mt19937_64 rng{seed};
    std::deque<entry> all(200);
    age_line line;
    std::set<std::pair<int64_t, job_id>> model;
    std::map<job_id, entry*> inside;
    int64_t now = 0;
    for (int i = 0; i < 600; ++i) {
      auto& e = all[rng() % all.size()];
      auto key = [](const entry& x) { return std::pair{x.ripe, x.row.id}; };
      if (inside.contains(e.row.id) && e.row.id) {
        model.erase(key(e));
        line.remove(e);
        inside.erase(e.row.id);
      } else {
        e.row.id = job_id{{1, rng() | 1}};
        now += static_cast<int64_t>(rng() % 3);
        e.ripe = rng() % 4 == 0 ? now - static_cast<int64_t>(rng() % 100) : now;
        line.add(e);
        model.insert(key(e));
        inside[e.row.id] = &e;
      }
      CAF_REQUIRE_EQUAL(line.size(), model.size());
      if (model.empty())
        continue;
      CAF_REQUIRE(key(*line.front()) == *model.begin());
      auto& probe = all[rng() % all.size()];
      auto before = std::distance(model.begin(), model.lower_bound(key(probe)));
      CAF_REQUIRE_EQUAL(line.before(probe, 1'000), static_cast<uint64_t>(before));
    }
  });
}

CAF_TEST(owners that want more than there is get what their weights say) {
  test::for_seeds(200, [](uint64_t seed) {
    std::mt19937_64 rng{seed};
    fair_shares shares;
    std::map<std::string, uint32_t, std::less<>> weights;
    auto n = 2 + rng() % 6;
    for (size_t i = 0; i < n; ++i)
      weights["o" + std::to_string(i)] = static_cast<uint32_t>(1 + rng() % 5);
    shares.set_weights(weights);
    struct owner {
      account* a;
      double got = 0;
    };
    std::vector<owner> owners;
    for (auto& [name, w] : weights) {
      owners.push_back({&shares.acquire(name)});
      shares.queued(*owners.back().a);
    }
    double largest = 0;
    for (int i = 0; i < 4'000; ++i) {
      auto next = std::min_element(owners.begin(), owners.end(),
                                   [&](auto& x, auto& y) { return shares.tag(*x.a) < shares.tag(*y.a); });
      // Each job is expected to cost one thing and costs another.
      auto expected = 1.0 + static_cast<double>(rng() % 100);
      auto actual = expected * (0.5 + static_cast<double>(rng() % 100) / 100);
      shares.charge(*next->a, expected);
      shares.settle(*next->a, expected, actual);
      next->got += actual / next->a->weight;
      largest = std::max({largest, actual, expected});
    }
    auto [least, most] =
      std::minmax_element(owners.begin(), owners.end(), [](auto& x, auto& y) { return x.got < y.got; });
    CAF_CHECK(most->got - least->got <= 3 * largest);
  });
}

CAF_TEST(nobody saves up a share while away and nobody is ahead beyond the window) {
  fair_shares shares;
  auto& here = shares.acquire("here");
  auto& away = shares.acquire("away");
  shares.queued(here);
  for (int i = 0; i < 1'000; ++i)
    shares.charge(here, 10);
  shares.queued(away);
  CAF_CHECK(shares.tag(away) >= shares.now() - 1e-6);
  for (int i = 0; i < 1'000; ++i) {
    shares.charge(here, 10);
    CAF_REQUIRE(std::abs(shares.tag(here) - shares.now()) <= shares.window() + 1e-6);
    CAF_REQUIRE(std::abs(shares.tag(away) - shares.now()) <= shares.window() + 1e-6);
  }
}

CAF_TEST(speeds are averages and the unknown count as the median) {
  speeds s;
  CAF_CHECK_EQUAL(s.relative(0, 0), 1.0);
  for (int i = 0; i < 50; ++i) {
    s.measured(0, 3, 100, 10);
    s.measured(1, 3, 100, 20);
    s.measured(2, 3, 100, 40);
    s.measured(2, 3, 0, 40);
    s.measured(2, 3, 100, 0);
  }
  CAF_CHECK_EQUAL(s.median(3), 5.0);
  CAF_CHECK_EQUAL(s.relative(0, 3), 2.0);
  CAF_CHECK_EQUAL(s.relative(2, 3), 0.5);
  CAF_CHECK_EQUAL(s.relative(77, 3), 1.0);
  CAF_CHECK_EQUAL(s.relative(0, 99), 1.0);
}

CAF_TEST(hours go over midnight and end on the minute) {
  // 2023-11-14 was a Tuesday.
  auto at = [](int day, int hour, int minute) {
    return from_ms(1'699'920'000'000 + ((day * 24 + hour) * 60LL + minute) * 60'000);
  };
  std::vector<work_hours> nights{{0x02, 22 * 60, 6 * 60}};
  CAF_CHECK(!within(nights, at(0, 21, 59)));
  CAF_CHECK(within(nights, at(0, 22, 0)));
  CAF_CHECK(within(nights, at(1, 5, 59)));
  CAF_CHECK(!within(nights, at(1, 6, 0)));
  CAF_CHECK(!within(nights, at(1, 22, 0)));
  CAF_CHECK(!within(nights, at(0, 5, 0)));
  CAF_CHECK(within({{0x7F, 0, 1440}}, at(3, 23, 59)));
  CAF_CHECK(within({{0x7F, 0, 0}}, at(3, 12, 0)));
  CAF_CHECK(within({}, at(3, 12, 0)));
}

namespace {

/// A job that "bad" lost and "good" then did.
job lost_by_bad(uint64_t n, timestamp when, const std::string& kind = "noop") {
  job x;
  x.id = job_id{{1, n}};
  x.spec.kind = kind;
  x.worker_name = "good";
  x.failures = 1;
  attempt_record a;
  a.worker = "bad";
  a.end = attempt_end::lost;
  a.ended = when;
  x.attempts = {a};
  return x;
}

} // namespace

CAF_TEST(a node that died is excused by all that it does again) {
  node_scores scores{quarantine_rules{}};
  auto now = from_ms(1'700'000'000'000);
  scores.completed(lost_by_bad(1, now, "hls"), now);
  CAF_CHECK_EQUAL(scores.score("bad", now), 1.0);
  job other;
  other.spec.kind = "noop";
  other.worker_name = "bad";
  scores.completed(other, now);
  CAF_CHECK_EQUAL(scores.score("bad", now), 0.9);
}

CAF_TEST(a node that dies with many jobs failed once) {
  node_scores scores{quarantine_rules{}};
  auto now = from_ms(1'700'000'000'000);
  auto lost = [&](uint64_t n, timestamp when) { return scores.completed(lost_by_bad(n, when), now); };
  for (uint64_t n = 1; n <= 50; ++n)
    CAF_CHECK(lost(n, now).empty());
  CAF_CHECK_EQUAL(scores.score("bad", now), 1.0);
  CAF_CHECK_EQUAL(scores.evidence("bad").size(), 10u);
  lost(51, now + milliseconds{60'000});
  CAF_CHECK(!lost(52, now + milliseconds{120'000}).empty());
  CAF_CHECK(scores.over("bad", now));
  // It fades.
  CAF_CHECK(scores.score("bad", now + milliseconds{30 * 60'000}) < 1.51);
  CAF_CHECK_EQUAL(scores.score("good", now), 0.0);
}

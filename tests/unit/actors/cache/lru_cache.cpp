#define CAF_SUITE cache.lru_cache

#include "actors/cache/lru_cache.hpp"
#include "actors/cache/second_level.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <atomic>
#include <memory>
#include <thread>

using namespace troupe;
using ints = cache::lru_cache<int>;

namespace {

constexpr milliseconds fresh{100};
constexpr milliseconds stale{50};

/// The same by the simplest means: a list that is searched from front to back.
struct model {
  struct entry {
    std::string key;
    int value;
    mono_time fresh_until;
    mono_time stale_until;
  };
  size_t capacity;
  std::vector<entry> entries;

  std::optional<ints::found> get(const std::string& key, mono_time now) {
    for (size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].key != key)
        continue;
      auto e = entries[i];
      entries.erase(entries.begin() + static_cast<ptrdiff_t>(i));
      if (now >= e.stale_until)
        return std::nullopt;
      entries.insert(entries.begin(), e);
      return ints::found{e.value, now >= e.fresh_until};
    }
    return std::nullopt;
  }

  void put(const std::string& key, int value, mono_time now) {
    std::erase_if(entries, [&](auto& x) { return x.key == key; });
    entries.insert(entries.begin(), {key, value, now + fresh, now + fresh + stale});
    if (entries.size() > capacity)
      entries.pop_back();
  }
};

} // namespace

CAF_TEST(fresh then stale then gone) {
  test::manual_clock clk;
  ints lru{10, clk};
  CAF_CHECK(!lru.get("a"));
  lru.put("a", 1, fresh, stale);
  CAF_CHECK((lru.get("a")->value == 1));
  clk.advance(milliseconds{99});
  CAF_CHECK(!lru.get("a")->stale);
  clk.advance(milliseconds{1});
  CAF_CHECK(lru.get("a")->stale);
  // The wall clock means nothing here.
  clk.step_wall(milliseconds{-3'600'000});
  clk.advance(milliseconds{49});
  CAF_CHECK(lru.get("a")->stale);
  clk.advance(milliseconds{1});
  CAF_CHECK(!lru.get("a"));
  auto s = lru.stats();
  CAF_CHECK_EQUAL(s.hits, 4u);
  CAF_CHECK_EQUAL(s.misses, 2u);
  CAF_CHECK_EQUAL(s.size, 0u);
  CAF_CHECK_EQUAL(s.evictions, 0u);
}

CAF_TEST(the entry used longest ago goes) {
  test::manual_clock clk;
  ints lru{2, clk};
  lru.put("a", 1, fresh, stale);
  lru.put("b", 2, fresh, stale);
  CAF_CHECK(lru.get("a"));
  lru.put("c", 3, fresh, stale);
  CAF_CHECK(lru.get("a"));
  CAF_CHECK(!lru.get("b"));
  CAF_CHECK(lru.get("c"));
  CAF_CHECK_EQUAL(lru.stats().evictions, 1u);
}

CAF_TEST(prefixes are erased and expired) {
  test::manual_clock clk;
  ints lru{10, clk};
  for (auto key : {"videos:1", "videos:2", "video:1", "categories"})
    lru.put(key, 1, fresh, stale);
  CAF_CHECK_EQUAL(lru.erase_prefix("videos:"), 2u);
  CAF_CHECK(!lru.get("videos:1"));
  CAF_CHECK(!lru.get("video:1")->stale);
  lru.expire_prefix("video");
  CAF_CHECK(lru.get("video:1")->stale);
  CAF_CHECK(!lru.get("categories")->stale);
  CAF_CHECK_EQUAL(lru.erase_prefix(""), 2u);
}

CAF_TEST(behaves as a plain list does) {
  test::for_seeds(2000, [](uint64_t seed) {
    std::mt19937_64 rng{seed};
    test::manual_clock clk;
    size_t capacity = 1 + rng() % 6;
    ints lru{capacity, clk};
    model expected{capacity, {}};
    for (int n = 0; n < 200; ++n) {
      auto key = std::string(1 + rng() % 3, static_cast<char>('a' + rng() % 3));
      switch (rng() % 8) {
      case 0:
        clk.advance(milliseconds{rng() % 80});
        break;
      case 1:
        lru.erase_prefix(key);
        std::erase_if(expected.entries, [&](auto& x) { return x.key.starts_with(key); });
        break;
      case 2:
      case 3:
      case 4:
        lru.put(key, n, fresh, stale);
        expected.put(key, n, clk.mono());
        break;
      default: {
        auto is = lru.get(key);
        auto should = expected.get(key, clk.mono());
        CAF_REQUIRE_EQUAL(is.has_value(), should.has_value());
        if (is) {
          CAF_REQUIRE_EQUAL(is->value, should->value);
          CAF_REQUIRE_EQUAL(is->stale, should->stale);
        }
      }
      }
      CAF_REQUIRE(lru.stats().size <= capacity);
    }
  });
}

CAF_TEST(many threads) {
  system_clocks clk;
  cache::lru_cache<std::shared_ptr<const std::string>> lru{50, clk};
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::mt19937_64 rng{t};
      for (int n = 0; n < 20'000; ++n) {
        auto key = std::to_string(rng() % 100);
        if (rng() % 4 == 0)
          lru.put(key, std::make_shared<const std::string>(key), milliseconds{1}, milliseconds{1});
        else if (rng() % 100 == 0)
          lru.erase_prefix("9");
        else if (auto hit = lru.get(key); hit && *hit->value != key)
          ++wrong;
      }
    });
  for (auto& t : threads)
    t.join();
  CAF_CHECK_EQUAL(wrong.load(), 0);
  CAF_CHECK(lru.stats().size <= 50);
}

CAF_TEST(what was wrapped is unwrapped and nothing else) {
  auto at = from_ms(1'700'000'000'123);
  auto text = cache::wrap(at, std::string_view{"a\0b\n", 4});
  auto back = cache::unwrap(text);
  CAF_REQUIRE(back.has_value());
  CAF_CHECK(back->load_began == at);
  CAF_CHECK((back->payload == std::string_view{"a\0b\n", 4}));
  CAF_CHECK(cache::unwrap(cache::wrap(at, ""))->payload.empty());
  for (auto bad : {"", "troupe1", "troupe1 ", "troupe1 12", "troupe1 x\n", "troupe1 -5\nx", "troupe1 12 \nx",
                   "troupe2 12\nx", "troupe1 99999999999999999999\nx"})
    CAF_CHECK(!cache::unwrap(bad));
}

CAF_TEST(a value that is older than a change is not used) {
  auto t = [](int64_t s) { return from_ms(1'700'000'000'000 + s * 1000); };
  cache::change_log log{t(0), milliseconds{60'000}};
  CAF_CHECK(!log.usable("videos:1", t(-1), t(10)));
  CAF_CHECK(log.usable("videos:1", t(1), t(10)));
  CAF_CHECK(!log.usable("videos:1", t(11), t(10)));
  log.changed("videos:", t(10));
  CAF_CHECK(!log.usable("videos:1", t(10), t(20)));
  CAF_CHECK(log.usable("videos:1", t(11), t(20)));
  CAF_CHECK(log.usable("categories", t(5), t(20)));
  for (int i = 0; i < 300; ++i)
    log.changed("k" + std::to_string(i), t(30));
  CAF_CHECK(!log.usable("categories", t(30), t(40)));
  CAF_CHECK(!log.usable("k299", t(30), t(40)));
  CAF_CHECK(log.usable("categories", t(31), t(40)));
  log.changed("", t(50));
  CAF_CHECK(!log.usable("anything", t(50), t(60)));
}

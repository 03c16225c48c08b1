#define CAF_SUITE media.transfer_retries

#include "actors/media/transfer_retries.hpp"

#include "tests/support/manual_clock.hpp"
#include "tests/support/seeds.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

using namespace troupe;
using namespace troupe::work;
using namespace std::chrono_literals;

namespace {

constexpr mono_time start{milliseconds{1'000'000}};
constexpr std::array link_errors{errc::unavailable, errc::timeout, errc::rate_limited, errc::worker_lost};

bool is_any_of(const auto& all, errc code) {
  return std::ranges::find(all, code) != all.end();
}

error with_wait(errc code, milliseconds wait) {
  error out{code, "as the test wants"};
  out.retry_after = wait;
  return out;
}

std::function<uint64_t()> seeded(uint64_t seed) {
  return [random = std::mt19937_64{seed}]() mutable { return random(); };
}

} // namespace

CAF_TEST(what cannot get better fails at once) {
  for (auto code = errc::none; code <= errc::last; code = static_cast<errc>(static_cast<int>(code) + 1)) {
    if (is_any_of(link_errors, code) || code == errc::io || code == errc::none)
      continue;
    for (auto whom : {said_by::node, said_by::coordinator, said_by::here}) {
      transfer_retries x{{}, seeded(1)};
      const auto may_be_the_address = code == errc::forbidden && whom == said_by::node;
      CAF_CHECK_EQUAL(x.after(error{code}, whom, start).has_value(), may_be_the_address);
    }
  }
}

CAF_TEST(a coordinator that is away is waited for without end and a hundred thousand times) {
  transfer_retries x{{}, seeded(2)};
  auto now = start;
  for (int i = 0; i < 100'000; ++i) {
    auto pause = x.after(error{link_errors[static_cast<size_t>(i) % 4]}, said_by::coordinator, now, true);
    CAF_REQUIRE(pause && *pause > 0ms && *pause <= 5s);
    now += *pause;
  }
  CAF_CHECK(now - start > 80h);
}

CAF_TEST(a node that is silent while the coordinator is there is given up) {
  const auto tries_until_given_up = [](auto told) {
    transfer_retries x{{}, seeded(6)};
    auto now = start;
    uint64_t bytes = 0;
    for (int i = 0; i < 10'000; ++i) {
      const error why = told(i, x, bytes, now);
      auto pause = x.after(why, said_by::node, now, why.code == errc::worker_lost);
      if (!pause)
        return now - start;
      now += *pause;
    }
    return milliseconds::max();
  };
  const auto limit = transfer_retries::settings{}.give_up;
  const auto plain = tries_until_given_up([](int, auto&, auto&, auto) { return error{errc::unavailable}; });
  CAF_CHECK(plain >= limit && plain <= limit + 5s);
  // A byte now and then, an answer of the node, and time without the coordinator begin it anew.
  CAF_CHECK(tries_until_given_up([](int i, auto& x, auto& bytes, auto) {
              if (i % 50 == 0)
                x.arrived(++bytes);
              return error{errc::timeout};
            })
            == milliseconds::max());
  CAF_CHECK(tries_until_given_up([](int i, auto&, auto&, auto) {
              return i % 50 == 0 ? with_wait(errc::unavailable, 1s) : error{errc::unavailable};
            })
            == milliseconds::max());
  CAF_CHECK(tries_until_given_up(
              [](int i, auto&, auto&, auto) { return error{i % 50 == 0 ? errc::worker_lost : errc::unavailable}; })
            == milliseconds::max());
  // But not the same bytes again.
  CAF_CHECK(tries_until_given_up([](int, auto& x, auto&, auto) {
              x.arrived(7);
              return error{errc::timeout};
            })
            <= limit + 5s);
}

CAF_TEST(a node that answers in vain is not asked for ever) {
  transfer_retries x{{}, seeded(3)};
  int tries = 1;
  while (x.after(error{errc::io}, said_by::node, start))
    ++tries;
  CAF_CHECK_EQUAL(tries, 13);
  transfer_retries y{{}, seeded(3)};
  for (tries = 1; y.after(error{errc::forbidden}, said_by::node, start); ++tries)
    // What is wrong with the link in between says nothing of the address.
    CAF_REQUIRE(y.after(error{errc::unavailable}, said_by::node, start).has_value());
  CAF_CHECK_EQUAL(tries, 4);
}

CAF_TEST(who sends a further byte each time comes to the end) {
  transfer_retries x{{}, seeded(4)};
  for (uint64_t there = 1; there < 1000; ++there) {
    x.arrived(there);
    CAF_REQUIRE(x.after(error{there % 2 == 0 ? errc::io : errc::forbidden}, said_by::node, start) <= milliseconds{200});
    // Not by the same bytes again.
    x.arrived(there / 2);
  }
}

CAF_TEST(what the other side asks for is waited for) {
  for (auto wait : {1ms, 2'000ms, 60'000ms, 600'000ms}) {
    transfer_retries x{{}, seeded(5)};
    std::set<milliseconds> seen;
    for (int i = 0; i < 50; ++i) {
      auto pause = x.after(with_wait(errc::unavailable, wait), said_by::node, start);
      CAF_REQUIRE(pause.has_value());
      CAF_REQUIRE(*pause >= wait);
      CAF_REQUIRE(*pause <= std::max(wait + wait / 4, milliseconds{5'000}));
      seen.insert(*pause);
    }
    CAF_CHECK(seen.size() > 10);
  }
  // Nobody has to sleep for a year.
  transfer_retries x{{}, seeded(5)};
  CAF_CHECK(x.after(with_wait(errc::unavailable, 8'760h), said_by::node, start) <= milliseconds{750'000});
}

CAF_TEST(any history over seeds) {
  test::for_seeds(200, [](uint64_t seed) {
    std::mt19937_64 random{seed};
    transfer_retries::settings how;
    how.most_refusals = static_cast<int>(random() % 5);
    how.most_faults = static_cast<int>(random() % 20);
    how.delay = {milliseconds{1 + random() % 500}, milliseconds{500 + random() % 20'000}, 1.5, 0.5};
    how.give_up = 8'760h;
    transfer_retries x{how, seeded(random())};
    test::manual_clock time;
    const auto begin = time.mono();
    uint64_t most = 0;
    std::map<errc, int> in_vain;
    for (int step = 0; step < 500; ++step) {
      if (random() % 5 == 0) {
        const auto bytes = random() % 10'000;
        x.arrived(bytes);
        if (bytes > most)
          in_vain.clear();
        most = std::max(most, bytes);
      }
      const auto code = static_cast<errc>(1 + random() % static_cast<uint64_t>(errc::last));
      const auto whom = static_cast<said_by>(random() % 3);
      const auto asked = milliseconds{random() % 3 == 0 ? random() % 30'000 : 0};
      const auto link = is_any_of(link_errors, code);
      if (link)
        in_vain[errc::io] = 0;
      const auto counted = code == errc::io || (code == errc::forbidden && whom == said_by::node);
      const auto most_of_it = code == errc::io ? how.most_faults : how.most_refusals;
      const auto may_go_on = link || (counted && ++in_vain[code] <= most_of_it);
      const auto pause = x.after(with_wait(code, asked), whom, time.mono(), random() % 2 == 0);
      CAF_REQUIRE_EQUAL(pause.has_value(), may_go_on);
      if (!pause)
        continue;
      CAF_REQUIRE(*pause >= asked && *pause > 0ms);
      CAF_REQUIRE(*pause <= std::max(how.delay.max, asked + asked / 2 + 1ms));
      time.advance(*pause);
    }
    // No busy loop.
    CAF_CHECK(time.mono() > begin);
  });
}

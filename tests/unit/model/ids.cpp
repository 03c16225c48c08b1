#define CAF_SUITE model.ids

#include "protocol/model/ids.hpp"
#include "protocol/model/job.hpp"
#include "protocol/model/time.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <random>

using namespace troupe;

CAF_TEST(text form and back) {
  std::mt19937_64 rng{1};
  for (int i = 0; i < 1000; ++i) {
    raw_id x{rng(), rng()};
    auto text = to_string(x);
    CAF_REQUIRE_EQUAL(text.size(), 26u);
    auto y = parse_raw_id(text);
    CAF_REQUIRE(y.has_value());
    CAF_CHECK(*y == x);
  }
}

CAF_TEST(text sorts as the ids do) {
  std::mt19937_64 rng{2};
  for (int i = 0; i < 1000; ++i) {
    raw_id x{rng(), rng()};
    raw_id y{rng(), rng()};
    CAF_CHECK_EQUAL(x < y, to_string(x) < to_string(y));
  }
}

CAF_TEST(anything else is refused) {
  for (auto text : {"", "0", "80000000000000000000000000", "0000000000000000000000000u", "../../../../../etc/passwd//",
                    "000000000000000000000000000"})
    CAF_CHECK(!parse_raw_id(text));
}

CAF_TEST(ids rise strictly although the clock stands or goes back) {
  std::mt19937_64 rng{3};
  id_source source{[&] { return rng(); }};
  raw_id last;
  for (int64_t now : {1000, 1000, 1000, 999, 5, 2000, 2000, 1}) {
    auto x = source.next(now);
    CAF_CHECK(last < x);
    last = x;
  }
}

CAF_TEST(text of a token and back) {
  lease_token token{7, job_id{{1, 2}}, 3};
  auto back = lease_token::parse(token.str());
  CAF_REQUIRE(back.has_value());
  CAF_CHECK(*back == token);
  for (auto text : {"", "-", "--", "x-1-2", "00000000000000000000000000-1", "00000000000000000000000000-1-",
                    "00000000000000000000000000-1-2x"})
    CAF_CHECK(!lease_token::parse(text));
}

CAF_TEST(time text and back) {
  for (int64_t ms : {int64_t{1}, int64_t{1700000000123}, int64_t{253402300799999}}) {
    auto back = parse_iso8601(to_iso8601(from_ms(ms)));
    CAF_REQUIRE(back.has_value());
    CAF_CHECK_EQUAL(to_ms(*back), ms);
  }
  CAF_CHECK_EQUAL(to_iso8601(from_ms(1700000000123)), "2023-11-14T22:13:20.123Z");
  for (auto text : {"", "2023-11-14", "2023-13-14T22:13:20Z", "2023-02-30T22:13:20Z", "2023-11-14T22:13:20+01:00"})
    CAF_CHECK(!parse_iso8601(text));
}

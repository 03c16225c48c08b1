#define CAF_SUITE model.unfinished_handshakes

#include "protocol/model/unfinished_handshakes.hpp"

#include "tests/support/unit_test.hpp"

#include <algorithm>
#include <random>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

using time_point = unfinished_handshakes::time_point;

const time_point start{1000s};

} // namespace

CAF_TEST(a handshake has ten seconds from its beginning and is told once) {
  unfinished_handshakes open{10s};
  CAF_CHECK(!open.next_overdue());
  CAF_CHECK(!open.began(1, "a", 8, start));
  CAF_CHECK(!open.began(2, "b", 8, start + 3s));
  CAF_CHECK(open.next_overdue() == start + 10s);
  CAF_CHECK(open.take_overdue(start + 9'999ms).empty());
  CAF_CHECK_EQUAL(open.take_overdue(start + 10s), std::vector<int>{1});
  CAF_CHECK(open.take_overdue(start + 11s).empty());
  CAF_CHECK(open.next_overdue() == start + 13s);
  open.ended(2);
  CAF_CHECK(!open.next_overdue());
  open.ended(2);
  // The number is given again when the first is gone.
  open.ended(1);
  CAF_CHECK(!open.began(1, "a", 8, start + 20s));
  CAF_CHECK(open.next_overdue() == start + 30s);
}

CAF_TEST(who calls often makes room and who calls once stays) {
  unfinished_handshakes open{10s};
  CAF_CHECK(!open.began(1, "honest", 4, start));
  for (int id = 2; id < 5; ++id)
    CAF_CHECK(!open.began(id, "flood", 4, start));
  for (int id = 5; id < 100; ++id)
    CAF_CHECK_EQUAL(open.began(id, "flood", 4, start).value_or(0), id - 3);
  CAF_CHECK(!open.began(100, "", 4, start));
}

CAF_TEST(one address has a limit of its own) {
  unfinished_handshakes open{10s};
  const unfinished_handshakes::limits allowed{8, 3};
  for (int id = 1; id <= 3; ++id)
    CAF_CHECK(!open.began(id, "flood", allowed, start));
  CAF_CHECK(!open.began(4, "honest", allowed, start));
  for (int id = 5; id < 50; ++id)
    CAF_CHECK_EQUAL(open.began(id, "flood", allowed, start).value_or(0), id < 8 ? id - 4 : id - 3);
}

CAF_TEST(over any course of events the most is kept and everything ends in time) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random{seed};
    const size_t most = 1 + random() % 12;
    const size_t most_each = 1 + random() % most;
    unfinished_handshakes open{10s};
    struct known {
      int id;
      std::string address;
      time_point began;
    };
    std::vector<known> alive;
    auto forget = [&](int id) { return std::erase_if(alive, [id](auto& x) { return x.id == id; }) == 1; };
    auto now = start;
    bool good = true;
    for (int id = 1; id < 400 && good; ++id) {
      now += std::chrono::milliseconds{random() % 800};
      if (random() % 3 == 0 && !alive.empty()) {
        const auto ended = alive[random() % alive.size()].id;
        open.ended(ended);
        forget(ended);
      }
      for (int x : open.take_overdue(now))
        good = good && forget(x);
      std::string address(random() % 4, 'a');
      alive.push_back({id, address, now});
      if (auto gone = open.began(id, address, {most, most_each}, now)) {
        const auto victim = std::find_if(alive.begin(), alive.end(), [&](auto& x) { return x.id == *gone; });
        good = good && victim != alive.end() && !victim->address.empty();
        forget(*gone);
      }
      const auto called = std::count_if(alive.begin(), alive.end(), [](auto& x) { return !x.address.empty(); });
      const auto same = std::count_if(alive.begin(), alive.end(), [&](auto& x) { return x.address == address; });
      good = good && static_cast<size_t>(called) <= most && (address.empty() || static_cast<size_t>(same) <= most_each)
             && std::all_of(alive.begin(), alive.end(), [&](auto& x) { return now - x.began < 10s; })
             && open.next_overdue() == alive.front().began + 10s;
    }
    if (!good)
      CAF_FAIL("seed " << seed);
  }
}

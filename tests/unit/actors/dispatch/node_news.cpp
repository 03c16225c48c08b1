#define CAF_SUITE dispatch.node_news

#include "actors/dispatch/node_news.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <random>

using namespace troupe;
using namespace troupe::dispatch;

CAF_TEST(each node is told of at most once an interval and its last change always) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::mt19937_64 rng{seed};
    node_news uut;
    mono_time now{};
    std::map<std::string, mono_time> told, changed;
    auto take = [&] {
      for (auto& name : uut.take(now)) {
        if (auto before = told.find(name); before != told.end() && before->second + node_news::interval > now)
          CAF_FAIL("seed " << seed << ": " << name << " told too often");
        told[name] = now;
      }
    };
    for (int i = 0; i < 300; ++i) {
      now += milliseconds{rng() % 120};
      if (rng() % 2 == 0) {
        auto name = std::string(1, static_cast<char>('a' + rng() % 4));
        changed[name] = now;
        uut.changed({name});
      }
      take();
      if (uut.next() <= now)
        CAF_FAIL("seed " << seed << ": something is due that was not given out");
    }
    while (uut.next() != mono_time::max()) {
      now = uut.next();
      take();
    }
    for (auto& [name, at] : changed)
      if (told[name] < at)
        CAF_FAIL("seed " << seed << ": the last change of " << name << " was not told");
  }
}

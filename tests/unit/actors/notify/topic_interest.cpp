#define CAF_SUITE notify.topic_interest

#include "actors/notify/topic_interest.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <thread>

using namespace troupe;
using notify::interest_keeper;
using notify::topic_interest;

namespace {

constexpr milliseconds linger{60'000};

mono_time at(int64_t seconds) {
  return mono_time{milliseconds{seconds * 1000}};
}

} // namespace

CAF_TEST(nothing is wanted until somebody follows) {
  topic_interest interest;
  CAF_CHECK(!interest.wanted("jobs"));
  interest.want("jobs");
  CAF_CHECK(interest.wanted("jobs"));
  CAF_CHECK(!interest.wanted("job:1"));
  interest.drop("jobs");
  CAF_CHECK(!interest.wanted("jobs"));
  interest.want_all();
  CAF_CHECK(interest.wanted("job:1"));
  interest.clear();
  CAF_CHECK(interest.wanted("job:1"));
}

CAF_TEST(a topic stays wanted for a while after its last follower) {
  auto interest = std::make_shared<topic_interest>();
  interest_keeper keeper{interest, linger};
  CAF_CHECK(keeper.next_deadline() == mono_time::max());
  keeper.followed({"a", "b"});
  keeper.abandoned({"a"}, at(0));
  CAF_CHECK(keeper.next_deadline() == at(60));
  CAF_CHECK(keeper.lapsed(at(59)).empty());
  CAF_CHECK(interest->wanted("a"));
  CAF_CHECK(keeper.lapsed(at(60)) == std::vector<std::string>{"a"});
  CAF_CHECK(!interest->wanted("a"));
  CAF_CHECK(interest->wanted("b"));
  CAF_CHECK(keeper.next_deadline() == mono_time::max());
}

CAF_TEST(who comes back in time keeps the topic and the time starts anew when they go again) {
  auto interest = std::make_shared<topic_interest>();
  interest_keeper keeper{interest, linger};
  keeper.followed({"a"});
  keeper.abandoned({"a"}, at(0));
  keeper.followed({"a"});
  CAF_CHECK(keeper.lapsed(at(61)).empty());
  CAF_CHECK(interest->wanted("a"));
  keeper.abandoned({"a"}, at(70));
  keeper.followed({"a"});
  keeper.abandoned({"a"}, at(80));
  CAF_CHECK(keeper.lapsed(at(135)).empty());
  CAF_CHECK(interest->wanted("a"));
  CAF_CHECK_EQUAL(keeper.lapsed(at(140)).size(), 1u);
}

CAF_TEST(a new keeper knows nobody) {
  auto interest = std::make_shared<topic_interest>();
  interest->want("a");
  interest_keeper keeper{interest, linger};
  CAF_CHECK(!interest->wanted("a"));
}

CAF_TEST(questions from other threads while topics come and go) {
  topic_interest interest;
  interest.want("always");
  std::atomic<bool> stop{false};
  std::atomic<bool> wrong{false};
  std::vector<std::thread> askers;
  for (int i = 0; i < 2; ++i)
    askers.emplace_back([&] {
      while (!stop)
        if (!interest.wanted("always") || interest.wanted("never"))
          wrong = true;
    });
  for (int i = 0; i < 20'000; ++i) {
    auto topic = "job:" + std::to_string(i % 100);
    interest.want(topic);
    interest.drop(topic);
  }
  stop = true;
  for (auto& t : askers)
    t.join();
  CAF_CHECK(!wrong);
}

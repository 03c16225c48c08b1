#define CAF_SUITE notify.interest

#include <caf/make_message.hpp>

#include "actors/notify/notifier.hpp"
#include "tests/support/actor_fixture.hpp"

using namespace troupe;

namespace {

mesh::event_subscriber::behavior_type deaf(mesh::event_subscriber::pointer) {
  return {[](const mesh::event_batch&) {}};
}

struct fixture : test::actor_fixture {
  std::shared_ptr<notify::topic_interest> interest = std::make_shared<notify::topic_interest>();
  mesh::notifier notifier;
  mesh::event_subscriber one;

  fixture() {
    notify::notifier_config config;
    config.time = &clk;
    config.epoch = 42;
    config.interest = interest;
    config.interest_linger = milliseconds{1'000};
    notifier = notify::spawn_notifier(sys, config);
    one = sys.spawn(deaf);
    run();
  }

  ~fixture() {
    for (auto hdl : {caf::actor_cast<caf::actor>(notifier), caf::actor_cast<caf::actor>(one)})
      self->send_exit(hdl, caf::exit_reason::kill);
    run();
  }

  void follow(std::vector<std::string> topics) {
    auto h = self->request(notifier, caf::infinite, mesh::follow_topics{std::move(topics)}, one);
    run();
    h.receive([](mesh::done) {}, [&](caf::error& err) { CAF_FAIL(sys.render(err)); });
  }

  void unfollow(std::vector<std::string> topics) {
    self->send(notifier, mesh::unfollow_topics{std::move(topics)}, one);
    run();
  }

  /// As a publisher does: no event that nobody wants.
  void publish(const std::string& topic) {
    if (!interest->wanted(topic))
      return;
    event e;
    e.topic = topic;
    e.type = "x";
    self->send(notifier, mesh::publish_events{{e}});
    run();
  }

  mesh::caught_up catch_up(event_position since) {
    mesh::caught_up answer;
    auto h = self->request(notifier, caf::infinite, mesh::catch_up{std::move(since)});
    run();
    h.receive([&](mesh::caught_up& x) { answer = std::move(x); }, [&](caf::error& err) { CAF_FAIL(sys.render(err)); });
    return answer;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(interest_tests, fixture)

CAF_TEST(a topic is wanted from the answer to follow until a while after the end) {
  CAF_CHECK(!interest->wanted("jobs"));
  follow({"jobs", "job:1"});
  CAF_CHECK(interest->wanted("jobs") && interest->wanted("job:1"));
  unfollow({"job:1"});
  pass(milliseconds{900});
  CAF_CHECK(interest->wanted("job:1"));
  pass(milliseconds{200});
  CAF_CHECK(!interest->wanted("job:1"));
  CAF_CHECK(interest->wanted("jobs"));
}

CAF_TEST(a subscriber that dies wants nothing any more) {
  follow({"jobs"});
  self->send_exit(one, caf::exit_reason::kill);
  run();
  pass(milliseconds{1'100});
  CAF_CHECK(!interest->wanted("jobs"));
}

CAF_TEST(who comes back in time misses nothing) {
  follow({"jobs"});
  publish("jobs");
  unfollow({"jobs"});
  pass(milliseconds{900});
  publish("jobs");
  auto missed = catch_up({"jobs", 42, 1});
  CAF_CHECK_EQUAL(missed.events.size(), 1u);
  CAF_CHECK(!missed.gap);
}

CAF_TEST(who comes back too late is told of a gap although the last number is theirs) {
  follow({"jobs", "quiet"});
  publish("jobs");
  auto quiet = catch_up({"quiet", 0, 0}).position;
  unfollow({"jobs", "quiet"});
  pass(milliseconds{1'100});
  publish("jobs");
  publish("quiet");
  CAF_CHECK(catch_up({"jobs", 42, 1}).gap);
  CAF_CHECK(catch_up(quiet).gap);
  follow({"jobs"});
  CAF_CHECK(catch_up({"jobs", 42, 1}).gap);
  auto now = catch_up({"jobs", 0, 0}).position;
  publish("jobs");
  auto missed = catch_up(now);
  CAF_CHECK(!missed.gap);
  CAF_CHECK_EQUAL(missed.events.size(), 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()

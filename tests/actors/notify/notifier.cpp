#define CAF_SUITE notify.notifier

#include <caf/make_message.hpp>

#include "actors/notify/notifier.hpp"
#include "tests/support/actor_fixture.hpp"

using namespace troupe;

namespace {

event make(std::string topic, std::string type, std::string data, bool coalesce = false) {
  event e;
  e.topic = std::move(topic);
  e.type = std::move(type);
  e.data = std::move(data);
  e.coalesce = coalesce;
  return e;
}

/// Records what it is sent: one entry a message.
using record = std::shared_ptr<std::vector<std::vector<event>>>;

mesh::event_subscriber::behavior_type subscriber(mesh::event_subscriber::pointer, const record& seen) {
  return {[seen](const mesh::event_batch& batch) { seen->push_back(batch.events); }};
}

class mirror final : public ports::key_value {
public:
  std::vector<std::pair<std::string, std::string>> published;

  void get(std::string, std::function<void(result<std::optional<std::string>>)>) override {
  }
  void set(std::string, std::string, milliseconds, std::function<void(result<void>)>) override {
  }
  void erase(std::string, std::function<void(result<void>)>) override {
  }
  void publish(std::string channel, std::string message) override {
    published.emplace_back(std::move(channel), std::move(message));
  }
  void ping(std::function<void(result<milliseconds>)>) override {
  }
  ports::key_value_stats stats() const override {
    return {};
  }
};

struct fixture : test::actor_fixture {
  record seen = std::make_shared<std::vector<std::vector<event>>>();
  record seen_by_other = std::make_shared<std::vector<std::vector<event>>>();
  std::shared_ptr<mirror> copy = std::make_shared<mirror>();
  mesh::notifier notifier;
  mesh::event_subscriber one;
  mesh::event_subscriber other;

  fixture() {
    notify::notifier_config config;
    config.time = &clk;
    config.epoch = 42;
    config.mirror = copy;
    notifier = notify::spawn_notifier(sys, config);
    one = sys.spawn(subscriber, seen);
    other = sys.spawn(subscriber, seen_by_other);
    run();
  }

  ~fixture() {
    for (auto hdl :
         {caf::actor_cast<caf::actor>(notifier), caf::actor_cast<caf::actor>(one), caf::actor_cast<caf::actor>(other)})
      self->send_exit(hdl, caf::exit_reason::kill);
    run();
  }

  void follow(const mesh::event_subscriber& who, std::vector<std::string> topics) {
    auto h = self->request(notifier, caf::infinite, mesh::follow_topics{std::move(topics)}, who);
    run();
    h.receive([](mesh::done) {}, [&](caf::error& err) { CAF_FAIL(sys.render(err)); });
  }

  void publish(std::vector<event> events) {
    self->send(notifier, mesh::publish_events{std::move(events)});
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

CAF_TEST_FIXTURE_SCOPE(notifier_tests, fixture)

CAF_TEST(a subscriber gets its topics and one message a burst) {
  follow(one, {"a", "b"});
  follow(other, {"b"});
  for (int i = 0; i < 10; ++i)
    publish({make("a", "x", std::to_string(i)), make("b", "x", std::to_string(i)), make("c", "x", "nobody")});
  run();
  CAF_REQUIRE_EQUAL(seen->size(), 1u);
  CAF_CHECK_EQUAL(seen->front().size(), 20u);
  CAF_CHECK_EQUAL(seen->front().back().seq, 10u);
  CAF_CHECK_EQUAL(seen->front().back().epoch, 42u);
  CAF_REQUIRE_EQUAL(seen_by_other->size(), 1u);
  CAF_CHECK_EQUAL(seen_by_other->front().size(), 10u);
  CAF_CHECK_EQUAL(copy->published.size(), 30u);
  CAF_CHECK_EQUAL(copy->published.front().first, "troupe:events");
}

CAF_TEST(what was before follow is for catch_up only) {
  publish({make("a", "x", "1")});
  run();
  publish({make("a", "x", "2")});
  follow(one, {"a"});
  publish({make("a", "x", "3")});
  run();
  CAF_REQUIRE_EQUAL(seen->size(), 1u);
  CAF_CHECK_EQUAL(seen->front().front().data, "3");
  auto missed = catch_up({"a", 42, 0});
  CAF_CHECK_EQUAL(missed.events.size(), 3u);
  CAF_CHECK_EQUAL(missed.position.seq, 3u);
  CAF_CHECK(!missed.gap);
  CAF_CHECK(catch_up({"a", 41, 1}).gap);
}

CAF_TEST(progress is told at once and then ten times a second by timer) {
  follow(one, {"a"});
  for (int i = 0; i < 100; ++i) {
    publish({make("a", "job_progress", std::to_string(i), true)});
    run();
    pass(milliseconds{10});
  }
  pass(milliseconds{1000});
  CAF_CHECK_EQUAL(seen->front().front().data, "0");
  CAF_CHECK_EQUAL(seen->back().back().data, "99");
  CAF_CHECK(seen->size() >= 10);
  CAF_CHECK(seen->size() <= 12);
}

CAF_TEST(a nearer deadline outdates the timer under way) {
  follow(one, {"a", "b"});
  // The end of a topic is a far deadline, progress a near one.
  auto end = make("z", "x", "end");
  end.last = true;
  publish({end});
  run();
  for (int i = 0; i < 50; ++i) {
    publish({make("a", "job_progress", std::to_string(i), true), make("b", "job_progress", std::to_string(i), true)});
    run();
    pass(milliseconds{30});
  }
  pass(milliseconds{100});
  CAF_CHECK_EQUAL(seen->back().back().data, "49");
  // Each outdated timer fires once and plans nothing.
  CAF_CHECK(sched.clock().schedule().size() < 60);
  pass(milliseconds{300'000});
  CAF_CHECK(catch_up({"z", 42, 0}).gap);
  CAF_CHECK_EQUAL(sched.clock().schedule().size(), 0u);
}

CAF_TEST(a subscriber that dies or unfollows gets nothing more) {
  follow(one, {"a"});
  follow(other, {"a", "b"});
  self->send_exit(one, caf::exit_reason::user_shutdown);
  self->send(notifier, mesh::unfollow_topics{{"a"}}, other);
  run();
  publish({make("a", "x", "1"), make("b", "x", "2")});
  run();
  CAF_CHECK(seen->empty());
  CAF_REQUIRE_EQUAL(seen_by_other->size(), 1u);
  CAF_CHECK_EQUAL(seen_by_other->front().size(), 1u);
  self->send(notifier, mesh::unfollow_topics{{"b"}}, other);
  run();
  publish({make("b", "x", "3")});
  run();
  CAF_CHECK_EQUAL(seen_by_other->size(), 1u);
  follow(other, {"b"});
  publish({make("b", "x", "4")});
  run();
  CAF_CHECK_EQUAL(seen_by_other->size(), 2u);
}

CAF_TEST(epochs differ and are never zero) {
  auto first = notify::random_epoch();
  CAF_CHECK(first != 0);
  CAF_CHECK(first != notify::random_epoch());
  CAF_CHECK(first < (uint64_t{1} << 53));
}

CAF_TEST_FIXTURE_SCOPE_END()

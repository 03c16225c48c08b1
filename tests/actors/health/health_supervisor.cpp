#define CAF_SUITE health.supervisor

#include <caf/make_message.hpp>

#include "actors/health/checks.hpp"
#include "actors/health/health_supervisor.hpp"
#include "tests/support/actor_fixture.hpp"

#include <future>

using namespace troupe;

namespace {

health_check with(health_status status, std::string problem = {}) {
  health_check x;
  x.status = status;
  x.problem = std::move(problem);
  return x;
}

/// Stands in for the notifier.
using record = std::shared_ptr<std::vector<event>>;

mesh::notifier::behavior_type listener(mesh::notifier::pointer, const record& seen) {
  return {
    [seen](const mesh::publish_events& x) { seen->insert(seen->end(), x.events.begin(), x.events.end()); },
    [](const mesh::follow_topics&, const mesh::event_subscriber&) { return mesh::done{}; },
    [](const mesh::unfollow_topics&, const mesh::event_subscriber&) {},
    [](const mesh::catch_up&) { return mesh::caught_up{}; },
  };
}

struct fixture : test::actor_fixture {
  record events = std::make_shared<std::vector<event>>();
  mesh::notifier notifier = sys.spawn(listener, events);
  health::health_board board;
  mesh::health actor;
  /// What each check answers; nullopt: nothing.
  std::map<std::string, std::optional<health_check>> answers;
  std::map<std::string, int> runs;

  ~fixture() {
    self->send_exit(caf::actor_cast<caf::actor>(actor), caf::exit_reason::kill);
    self->send_exit(caf::actor_cast<caf::actor>(notifier), caf::exit_reason::kill);
    run();
  }

  void start(std::vector<std::string> names) {
    health::health_config config;
    config.time = &clk;
    config.board = board;
    config.notifier = notifier;
    for (auto& name : names) {
      answers.try_emplace(name, with(health_status::healthy));
      config.checks.push_back({name, [this, name](std::function<void(health_check)> done) {
                                 ++runs[name];
                                 if (auto x = answers[name]; x) {
                                   done(*x);
                                   // Only the first answer counts.
                                   done(with(health_status::unhealthy, "twice"));
                                 }
                               }});
    }
    actor = health::spawn_health_supervisor(sys, config);
    run();
  }

  health_status now() {
    return board.last()->status;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(health_tests, fixture)

CAF_TEST(rounds go on by themselves and asking runs no check) {
  CAF_CHECK(now() == health_status::unhealthy);
  start({"database", "redis"});
  CAF_CHECK(now() == health_status::healthy);
  CAF_CHECK_EQUAL(board.last()->checks.at(1).name, "redis");
  for (int i = 0; i < 100; ++i) {
    auto h = self->request(actor, caf::infinite, mesh::get_health{});
    run();
    h.receive([](health_report& x) { CAF_CHECK_EQUAL(x.checks.size(), 2u); },
              [&](caf::error& err) { CAF_FAIL(sys.render(err)); });
  }
  CAF_CHECK_EQUAL(runs["database"], 1);
  pass(milliseconds{90'000});
  CAF_CHECK_EQUAL(runs["database"], 4);
  CAF_CHECK_EQUAL(runs["redis"], 4);
  CAF_CHECK(events->empty());
}

CAF_TEST(a check that does not answer is unhealthy after five seconds and the rest is known then) {
  answers["database"] = std::nullopt;
  answers["cluster"] = with(health_status::degraded, "no worker");
  start({"database", "cluster"});
  pass(milliseconds{4'990});
  // A client finds every check from the first moment on.
  CAF_CHECK(board.last()->status == health_status::unhealthy);
  CAF_REQUIRE_EQUAL(board.last()->checks.size(), 2u);
  CAF_CHECK_EQUAL(board.last()->checks[1].problem, "not checked yet");
  pass(milliseconds{20});
  auto report = board.last();
  CAF_REQUIRE_EQUAL(report->checks.size(), 2u);
  CAF_CHECK(report->status == health_status::unhealthy);
  CAF_CHECK(report->checks[0].status == health_status::unhealthy);
  CAF_CHECK(report->checks[0].response_time >= milliseconds{5'000});
  CAF_CHECK_EQUAL(report->checks[1].problem, "no worker");
}

CAF_TEST(a change is an event and nothing else is) {
  start({"database", "filesystem"});
  answers["filesystem"] = with(health_status::unhealthy, "read-only");
  pass(milliseconds{30'000});
  CAF_CHECK(now() == health_status::degraded);
  CAF_REQUIRE_EQUAL(events->size(), 1u);
  CAF_CHECK_EQUAL(events->front().topic, "status");
  CAF_CHECK_EQUAL(events->front().type, "status_update");
  CAF_CHECK_EQUAL(events->front().data, "{\"status\":\"degraded\",\"previous\":\"healthy\",\"checks\":"
                                        "{\"database\":\"healthy\",\"filesystem\":\"unhealthy\"}}");
  pass(milliseconds{60'000});
  CAF_CHECK_EQUAL(events->size(), 1u);
  answers["filesystem"] = with(health_status::healthy);
  pass(milliseconds{30'000});
  CAF_CHECK_EQUAL(events->size(), 2u);
  CAF_CHECK(now() == health_status::healthy);
}

CAF_TEST(what the checks mean together) {
  auto judge = [](std::vector<std::pair<std::string, health_status>> xs) {
    std::vector<health_check> checks;
    for (auto& [name, status] : xs) {
      checks.push_back(with(status));
      checks.back().name = name;
    }
    return health::judge(checks);
  };
  using enum health_status;
  CAF_CHECK(judge({}) == healthy);
  CAF_CHECK(judge({{"database", healthy}, {"redis", disabled}, {"youtube-dl", disabled}}) == healthy);
  CAF_CHECK(judge({{"database", unhealthy}, {"resources", degraded}}) == unhealthy);
  CAF_CHECK(judge({{"resources", degraded}, {"redis", unhealthy}}) == unhealthy);
  CAF_CHECK(judge({{"filesystem", unhealthy}}) == degraded);
  CAF_CHECK(judge({{"database", degraded}}) == degraded);
}

CAF_TEST(checks that need a port) {
  auto answer = [](const health::check_function& check) {
    auto p = std::make_shared<std::promise<health_check>>();
    check([p](health_check x) { p->set_value(std::move(x)); });
    return p->get_future().get();
  };
  using enum health_status;
  CAF_CHECK(answer(health::check_redis(nullptr)).status == disabled);
  CAF_CHECK(answer(health::check_youtube_dl(nullptr)).status == disabled);
  auto version = health::check_youtube_dl([](auto done) { done(std::string{"2026.08.19"}); });
  CAF_CHECK_EQUAL(answer(version).version, "2026.08.19");
  CAF_CHECK(answer(health::check_youtube_dl([](auto done) { done(troupe::error{errc::not_found}); })).status
            == disabled);
  CAF_CHECK(answer(health::check_youtube_dl([](auto done) { done(troupe::error{errc::io}); })).status == degraded);
  test::manual_clock time;
  auto none = health::check_cluster([](auto done) { done(health::worker_count{}); }, time, milliseconds{10'000});
  CAF_CHECK(answer(none).status == healthy);
  time.advance(milliseconds{10'000});
  CAF_CHECK(answer(none).status == degraded);
  auto two = health::check_cluster([](auto done) { done(health::worker_count{2, 1}); }, time, milliseconds{0});
  CAF_CHECK(answer(two).status == healthy);
  auto drained = health::check_cluster([](auto done) { done(health::worker_count{2, 0}); }, time, milliseconds{10'000});
  CAF_CHECK(answer(drained).status == degraded);
  CAF_CHECK(answer(health::check_certificate([] { return std::string{}; })).status == healthy);
  auto ends = answer(health::check_certificate([] { return std::string{"it ends"}; }));
  CAF_CHECK(ends.status == degraded);
  CAF_CHECK_EQUAL(ends.problem, "it ends");
  CAF_CHECK(answer(health::check_database([] { return result<void>{}; })).status == healthy);
  CAF_CHECK(answer(health::check_database([] { return result<void>{errc::io, "locked"}; })).problem == "locked");
  auto thrower = health::check_database([]() -> result<void> { throw std::runtime_error{"odd"}; });
  CAF_CHECK(answer(thrower).status == unhealthy);
  auto resources = answer(health::check_resources({}));
  CAF_CHECK(resources.facts["rssBytes"] > 1'000'000);
  CAF_CHECK(resources.facts["openDescriptors"] > 2);
  CAF_CHECK(answer(health::check_resources({1, 0.9, 1e9})).status == degraded);
}

CAF_TEST(a check that hangs is not started again) {
  std::promise<void> release;
  auto gate = release.get_future().share();
  auto check = health::check_database([gate] {
    gate.wait();
    return result<void>{};
  });
  std::promise<health_check> first;
  check([&](health_check x) { first.set_value(std::move(x)); });
  health_check second;
  check([&](health_check x) { second = std::move(x); });
  CAF_CHECK(second.status == health_status::unhealthy);
  release.set_value();
  CAF_CHECK(first.get_future().get().status == health_status::healthy);
  std::promise<health_check> third;
  check([&](health_check x) { third.set_value(std::move(x)); });
  CAF_CHECK(third.get_future().get().status == health_status::healthy);
}

CAF_TEST_FIXTURE_SCOPE_END()

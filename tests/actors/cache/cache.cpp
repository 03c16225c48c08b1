#define CAF_SUITE cache.cache

#include <caf/make_message.hpp>

#include "actors/cache/cache.hpp"
#include "actors/cache/second_level.hpp"
#include "tests/support/actor_fixture.hpp"

using namespace troupe;

namespace {

using text_ptr = std::shared_ptr<const std::string>;

/// A second level in memory that can be away.
class fake_l2 final : public ports::key_value {
public:
  std::map<std::string, std::string> values;
  milliseconds last_ttl{0};
  int gets = 0;
  bool down = false;

  void get(std::string key, std::function<void(result<std::optional<std::string>>)> done) override {
    ++gets;
    if (down)
      return done(troupe::error{errc::unavailable, "Redis is away"});
    auto i = values.find(key);
    done(i == values.end() ? std::nullopt : std::optional<std::string>{i->second});
  }
  void set(std::string key, std::string value, milliseconds ttl, std::function<void(result<void>)> done) override {
    if (down)
      return done(troupe::error{errc::unavailable, "Redis is away"});
    last_ttl = ttl;
    values[std::move(key)] = std::move(value);
    done({});
  }
  void erase(std::string key, std::function<void(result<void>)> done) override {
    values.erase(key);
    done({});
  }
  void publish(std::string, std::string) override {
  }
  void ping(std::function<void(result<milliseconds>)> done) override {
    done(milliseconds{0});
  }
  ports::key_value_stats stats() const override {
    return {};
  }
};

struct fixture : test::actor_fixture {
  std::shared_ptr<fake_l2> l2 = std::make_shared<fake_l2>();
  cache::node_cache front = make(l2);
  mesh::cache actor = cache::spawn_cache(sys, front);
  /// Loads that were started and not yet completed, and how many in all.
  std::vector<cache::load_completion> pending;
  int loads = 0;
  /// What the askers were told: "value", "value (cached)" or "error name".
  std::vector<std::string> told;

  fixture() {
    run();
    clk.advance(milliseconds{1});
  }

  ~fixture() {
    self->send_exit(caf::actor_cast<caf::actor>(front.actor()), caf::exit_reason::kill);
    run();
  }

  cache::node_cache make(std::shared_ptr<ports::key_value> second) {
    cache::cache_config config;
    config.time = &clk;
    config.l2 = std::move(second);
    return cache::make_cache(config);
  }

  cache::load_spec spec(std::string key) {
    cache::load_spec s;
    s.key = std::move(key);
    s.load = [this](cache::load_completion done) {
      ++loads;
      pending.push_back(std::move(done));
    };
    s.encode = [](const cache::value_ptr& v) { return *std::static_pointer_cast<const std::string>(v); };
    s.decode = [](std::string_view text) { return std::make_shared<const std::string>(text); };
    return s;
  }

  void ask(std::string key) {
    front.get(spec(std::move(key)), [this](result<cache::answer> x) {
      if (!x)
        told.emplace_back(to_string(x.error().code));
      else
        told.push_back(*std::static_pointer_cast<const std::string>(x->value) + (x->cached ? " (cached)" : ""));
    });
    run();
  }

  /// Completes the oldest load under way.
  void load(std::string value) {
    CAF_REQUIRE(!pending.empty());
    auto done = std::move(pending.front());
    pending.erase(pending.begin());
    done(cache::value_ptr{std::make_shared<const std::string>(std::move(value))});
    run();
  }

  void fail_load() {
    auto done = std::move(pending.front());
    pending.erase(pending.begin());
    done(troupe::error{errc::io, "the disk is on fire"});
    run();
  }

  std::vector<std::string> take() {
    return std::exchange(told, {});
  }
};

using strings = std::vector<std::string>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(cache_tests, fixture)

CAF_TEST(many who ask at once cause one load) {
  for (int i = 0; i < 3; ++i)
    ask("k");
  CAF_CHECK_EQUAL(loads, 1);
  CAF_CHECK(told.empty());
  load("v");
  CAF_CHECK_EQUAL(take(), (strings{"v", "v (cached)", "v (cached)"}));
  ask("k");
  CAF_CHECK_EQUAL(take(), strings{"v (cached)"});
  CAF_CHECK_EQUAL(loads, 1);
  CAF_CHECK_EQUAL(*front.peek_as<std::string>("k"), "v");
  CAF_CHECK(!front.peek("other"));
}

CAF_TEST(a stale value is given at once and refreshed behind) {
  ask("k");
  load("old");
  pass(milliseconds{300'000});
  take();
  ask("k");
  ask("k");
  CAF_CHECK_EQUAL(take(), (strings{"old (cached)", "old (cached)"}));
  CAF_CHECK_EQUAL(loads, 2);
  fail_load();
  ask("k");
  CAF_CHECK_EQUAL(take(), strings{"old (cached)"});
  load("new");
  ask("k");
  CAF_CHECK_EQUAL(take(), strings{"new (cached)"});
  CAF_CHECK_EQUAL(loads, 3);
}

CAF_TEST(errors are told and not kept) {
  ask("k");
  ask("k");
  fail_load();
  CAF_CHECK_EQUAL(take(), (strings{"io", "io"}));
  ask("k");
  load("v");
  CAF_CHECK_EQUAL(take(), strings{"v"});
  auto s = spec("thrower");
  s.load = [](cache::load_completion) { throw std::runtime_error{"no"}; };
  front.get(s, [this](result<cache::answer> x) { told.emplace_back(to_string(x.error().code)); });
  run();
  CAF_CHECK_EQUAL(take(), strings{"internal"});
}

CAF_TEST(a load that never ends is given up and its late answer dropped) {
  ask("k");
  pass(milliseconds{10'000});
  CAF_CHECK_EQUAL(take(), strings{"timeout"});
  load("late");
  CAF_CHECK(!front.peek("k"));
  CAF_CHECK(told.empty());
}

CAF_TEST(nothing loaded before an invalidation is given out after it) {
  ask("videos:1");
  front.invalidate("videos:");
  ask("videos:1");
  CAF_CHECK_EQUAL(loads, 2);
  load("old");
  CAF_CHECK(!front.peek("videos:1"));
  CAF_CHECK_EQUAL(take(), strings{"old"});
  load("new");
  CAF_CHECK_EQUAL(take(), strings{"new"});
  CAF_CHECK_EQUAL(*front.peek_as<std::string>("videos:1"), "new");
  // The invalidation's message waits behind the load's answer: the value must not appear in between.
  ask("videos:2");
  pending.front()(cache::value_ptr{std::make_shared<const std::string>("old")});
  front.invalidate("videos:");
  sched.run_once();
  CAF_CHECK(!front.peek("videos:2"));
  run();
  CAF_CHECK(!front.peek("videos:2"));
  // But afterwards all is as before.
  pending.clear();
  ask("videos:2");
  load("new");
  CAF_CHECK(front.peek("videos:2"));
}

CAF_TEST(an expired value is given until the new one is there) {
  ask("k");
  load("1");
  front.expire("k");
  run();
  CAF_CHECK(front.peek("k")->stale);
  ask("k");
  front.expire("k");
  run();
  load("2");
  // Loaded before the second change: better than 1, but not fresh.
  CAF_CHECK_EQUAL(*front.peek_as<std::string>("k"), "2");
  CAF_CHECK(front.peek("k")->stale);
}

CAF_TEST(the second level answers after a restart of another node only with what is newer than all changes) {
  ask("k");
  load("v");
  CAF_CHECK_EQUAL(l2->values.size(), 1u);
  CAF_CHECK_EQUAL(l2->last_ttl.count(), 300'000);
  front.invalidate("k");
  run();
  clk.advance(milliseconds{1});
  take();
  // An erased key is not needed for that: the old value is still there and not used.
  ask("k");
  CAF_CHECK_EQUAL(loads, 2);
  load("w");
  CAF_CHECK_EQUAL(take(), strings{"w"});
  // Another node put a newer one there.
  clk.advance(milliseconds{1000});
  l2->values["troupe:cache:n"] = cache::wrap(clk.wall() - milliseconds{500}, "from afar");
  ask("n");
  CAF_CHECK_EQUAL(take(), strings{"from afar (cached)"});
  CAF_CHECK_EQUAL(loads, 2);
  l2->values["troupe:cache:m"] = "rubbish";
  ask("m");
  load("loaded");
  CAF_CHECK_EQUAL(take(), strings{"loaded"});
  auto stats = front.stats();
  CAF_REQUIRE_EQUAL(stats.size(), 2u);
  CAF_CHECK_EQUAL(stats[1].hits, 1u);
  CAF_CHECK_EQUAL(stats[1].misses, 3u);
}

CAF_TEST(values without codec or too large stay out of the second level and its errors are misses) {
  auto s = spec("private");
  s.encode = nullptr;
  s.decode = nullptr;
  front.get(s, [](result<cache::answer>) {});
  run();
  load("v");
  CAF_CHECK_EQUAL(l2->gets, 0);
  ask("large");
  load(std::string(1024 * 1024, 'x'));
  CAF_CHECK(l2->values.empty());
  l2->down = true;
  take();
  ask("k");
  load("v");
  CAF_CHECK_EQUAL(take(), strings{"v"});
}

CAF_TEST(when the actor dies everybody is answered and a new one goes on) {
  ask("k");
  self->send_exit(caf::actor_cast<caf::actor>(actor), caf::exit_reason::kill);
  run();
  CAF_CHECK_EQUAL(take(), strings{"unavailable"});
  ask("k");
  CAF_CHECK_EQUAL(take(), strings{"unavailable"});
  pending.clear();
  actor = cache::spawn_cache(sys, front);
  run();
  ask("k");
  load("v");
  CAF_CHECK_EQUAL(take(), strings{"v"});
  auto h = self->request(actor, caf::infinite, mesh::get_cache_stats{});
  run();
  h.receive([](mesh::cache_stats& x) { CAF_CHECK_EQUAL(x.layers.size(), 2u); },
            [&](caf::error& err) { CAF_FAIL(sys.render(err)); });
}

CAF_TEST_FIXTURE_SCOPE_END()

#define CAF_SUITE actors.supervision.directory

#include "actors/supervision/directory.hpp"

#include "tests/actors/supervision/fixture.hpp"

using namespace troupe;
using namespace troupe::supervision;
using namespace std::chrono_literals;

namespace {

using notes = std::vector<std::string>;

struct fixture : supervision_test::fixture {
  fixture() {
    directory_config config;
    config.detached = false;
    config.random = [] { return uint64_t{0}; };
    config.look_up = [this](const std::string& node, const std::string& name) -> caf::expected<caf::actor> {
      ++look_ups;
      if (throws)
        throw std::runtime_error{"no route"};
      auto it = world.find(node + "/" + name);
      if (it == world.end())
        return mesh::to_caf({errc::unavailable, "nobody there"});
      return it->second;
    };
    directory = spawn_directory(sys, std::move(config));
    follower = sys.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {
        [this](const actor_located& x) { seen.push_back("found " + x.node + "/" + x.name); },
        [this](const actor_lost& x) { seen.push_back("lost " + x.node + "/" + x.name); },
      };
    });
    consume_messages();
  }

  ~fixture() {
    caf::anon_send_exit(directory, caf::exit_reason::kill);
    caf::anon_send_exit(follower, caf::exit_reason::kill);
    for (auto& [at, who] : world)
      caf::anon_send_exit(who, caf::exit_reason::kill);
    consume_messages();
  }

  void appear(const std::string& at) {
    world[at] = sys.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](int x) { return x; }}; });
    consume_messages();
  }

  void vanish(const std::string& at) {
    caf::anon_send_exit(world[at], caf::exit_reason::kill);
    world.erase(at);
    consume_messages();
  }

  void follow(const std::string& node, const std::string& name) {
    caf::send_as(follower, directory, follow_actor{node, name});
    consume_messages();
  }

  errc find(const std::string& node, const std::string& name) {
    auto h = self->request(directory, caf::infinite, find_actor{node, name});
    consume_messages();
    auto code = errc::none;
    h.receive([&](const actor_located& x) { CAF_CHECK(x.handle == world[node + "/" + name]); },
              [&](caf::error& err) { code = mesh::from_caf(err).code; });
    return code;
  }

  notes take() {
    return std::exchange(seen, {});
  }

  std::map<std::string, caf::actor> world;
  notes seen;
  int look_ups = 0;
  bool throws = false;
  caf::actor directory;
  caf::actor follower;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(directory_tests, fixture)

CAF_TEST(found once and remembered until its DOWN) {
  appear("n1/door");
  CAF_CHECK(find("n1", "door") == errc::none);
  CAF_CHECK(find("n1", "door") == errc::none);
  CAF_CHECK_EQUAL(look_ups, 1);
  vanish("n1/door");
  CAF_CHECK(find("n1", "door") == errc::unavailable);
  CAF_CHECK_EQUAL(look_ups, 2);
  // Nobody follows it: nothing more is tried.
  advance(10min);
  CAF_CHECK_EQUAL(look_ups, 2);
}

CAF_TEST(an exception in a look up is an error) {
  throws = true;
  CAF_CHECK(find("n1", "door") == errc::internal);
  throws = false;
  appear("n1/door");
  CAF_CHECK(find("n1", "door") == errc::none);
}

CAF_TEST(a follower hears of each loss and each return ) {
  appear("n1/door");
  follow("n1", "door");
  CAF_CHECK_EQUAL(take(), (notes{"found n1/door"}));
  vanish("n1/door");
  CAF_CHECK_EQUAL(take(), (notes{"lost n1/door"}));
  appear("n1/door");
  advance(499ms);
  CAF_CHECK_EQUAL(take(), notes{});
  advance(1ms);
  CAF_CHECK_EQUAL(take(), (notes{"found n1/door"}));
}

CAF_TEST(look ups back off up to the maximum) {
  follow("n1", "door");
  CAF_CHECK_EQUAL(look_ups, 1);
  int expected = 1;
  for (auto wait : {500ms, 1000ms, 2000ms, 4000ms, 8000ms, 16000ms, 30000ms, 30000ms}) {
    advance(wait - 1ms);
    CAF_CHECK_EQUAL(look_ups, expected);
    advance(1ms);
    CAF_CHECK_EQUAL(look_ups, ++expected);
  }
  // An impatient one does not make the timers more.
  for (int i = 0; i < 5; ++i)
    find("n1", "door");
  expected = look_ups;
  advance(30s);
  CAF_CHECK_EQUAL(look_ups, expected + 1);
}

CAF_TEST(followers that end or unfollow are forgotten) {
  follow("n1", "door");
  caf::send_as(follower, directory, unfollow_actor{"n1", "door"});
  consume_messages();
  auto before = look_ups;
  advance(10min);
  CAF_CHECK_EQUAL(look_ups, before);
  follow("n2", "door");
  caf::anon_send_exit(follower, caf::exit_reason::kill);
  consume_messages();
  before = look_ups;
  advance(10min);
  CAF_CHECK_EQUAL(look_ups, before);
}

CAF_TEST_FIXTURE_SCOPE_END()

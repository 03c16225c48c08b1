#define CAF_SUITE actors.supervision.supervisor

#include "tests/actors/supervision/fixture.hpp"

using supervision_test::names;
using namespace troupe;
using namespace troupe::supervision;
using namespace std::chrono_literals;

namespace {

constexpr int unavailable = -static_cast<int>(errc::unavailable);

struct fixture : supervision_test::fixture {
  supervisor_config three(strategy how) {
    return {.name = "top", .strategy = how, .children = {child("a"), child("b"), child("c")}};
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(supervisor_tests, fixture)

CAF_TEST(children start in order and stop in reverse) {
  auto top = start(three(strategy::one_for_one));
  CAF_CHECK_EQUAL(take_started(), (names{"a", "b", "c"}));
  stop(top);
  CAF_CHECK_EQUAL(take_ended(), (names{"c", "b", "a"}));
  CAF_CHECK(is_down(top));
}

CAF_TEST(one for one restarts the crashed child alone after its backoff) {
  start(three(strategy::one_for_one));
  take_started();
  crash("b");
  CAF_CHECK_EQUAL(take_ended(), (names{"b"}));
  CAF_CHECK_EQUAL(take_started(), names{});
  advance(99ms);
  CAF_CHECK_EQUAL(take_started(), names{});
  advance(1ms);
  CAF_CHECK_EQUAL(take_started(), (names{"b"}));
  CAF_CHECK_EQUAL(take_ended(), names{});
}

CAF_TEST(one for all restarts everything in order) {
  start(three(strategy::one_for_all));
  take_started();
  crash("b");
  CAF_CHECK_EQUAL(take_ended(), (names{"b", "c", "a"}));
  CAF_CHECK_EQUAL(take_started(), names{});
  advance(100ms);
  CAF_CHECK_EQUAL(take_started(), (names{"a", "b", "c"}));
}

CAF_TEST(rest for one restarts the crashed child and those after it) {
  start(three(strategy::rest_for_one));
  take_started();
  crash("b");
  CAF_CHECK_EQUAL(take_ended(), (names{"b", "c"}));
  advance(100ms);
  CAF_CHECK_EQUAL(take_started(), (names{"b", "c"}));
}

CAF_TEST(each restart kind with each way to end) {
  // A behaviour is given up without a failure by quit(): the exit message of a normal reason is not obeyed by CAF.
  struct expectation {
    restart_kind kind;
    caf::error reason;
    bool restarted;
  };
  std::vector<expectation> table{
    {restart_kind::permanent, caf::exit_reason::user_shutdown, true},
    {restart_kind::permanent, caf::sec::runtime_error, true},
    {restart_kind::permanent, caf::exit_reason::kill, true},
    {restart_kind::transient, caf::exit_reason::user_shutdown, false},
    {restart_kind::transient, caf::sec::runtime_error, true},
    {restart_kind::transient, caf::exit_reason::kill, true},
    {restart_kind::temporary, caf::exit_reason::user_shutdown, false},
    {restart_kind::temporary, caf::sec::runtime_error, false},
    {restart_kind::temporary, caf::exit_reason::kill, false},
  };
  int n = 0;
  for (auto& row : table) {
    auto name = "child" + std::to_string(n++);
    auto top = start({.name = "top" + name, .children = {child(name, row.kind)}});
    take_started();
    crash(name, row.reason);
    advance(100ms);
    CAF_MESSAGE(name << " " << std::string{to_string(row.kind)} << " " << sys.render(row.reason));
    CAF_CHECK_EQUAL(take_started().size(), row.restarted ? 1u : 0u);
    CAF_CHECK(!is_down(top));
    CAF_CHECK_EQUAL(ask(name, 1), row.restarted ? 2 : unavailable);
  }
}

CAF_TEST(a permanent child that quits normally is restarted) {
  auto spec = child("a");
  int lives = 0;
  spec.start = [&](caf::event_based_actor* parent) -> caf::expected<caf::actor> {
    ++lives;
    return parent->spawn([](caf::event_based_actor* me) -> caf::behavior {
      return {[me](int x) {
        me->quit();
        return x;
      }};
    });
  };
  start({.name = "top", .children = {spec}});
  CAF_CHECK_EQUAL(ask("a", 7), 7);
  advance(100ms);
  CAF_CHECK_EQUAL(lives, 2);
}

CAF_TEST(backoff grows and starts over after a healthy time) {
  start({.name = "top", .intensity = {100, 60s}, .children = {child("a")}});
  for (auto wait : {100ms, 200ms, 400ms, 800ms}) {
    crash("a");
    take_started();
    advance(wait - 1ms);
    CAF_CHECK_EQUAL(take_started(), names{});
    advance(1ms);
    CAF_CHECK_EQUAL(take_started(), (names{"a"}));
  }
  advance(60s);
  crash("a");
  advance(100ms);
  CAF_CHECK_EQUAL(take_started(), (names{"a"}));
}

CAF_TEST(too many restarts end the supervisor with an error that names the child) {
  auto top = start({.name = "top", .intensity = {2, 60s}, .children = {child("a"), child("b"), child("c")}});
  for (int i = 0; i < 2; ++i) {
    crash("b");
    advance(1s);
  }
  take_ended();
  crash("b");
  CAF_CHECK(is_down(top));
  CAF_CHECK_EQUAL(take_ended(), (names{"b", "c", "a"}));
  caf::error reason;
  self->receive([&](const caf::down_msg& x) { reason = x.reason; });
  auto err = mesh::from_caf(reason);
  CAF_CHECK(err.code == errc::unavailable);
  CAF_CHECK(err.message.find("b ended too often (2 restarts in 60000 ms") != std::string::npos);
}

CAF_TEST(restarts outside of the window do not add up) {
  auto top = start({.name = "top", .intensity = {2, 10s}, .children = {child("a")}});
  for (int i = 0; i < 20; ++i) {
    crash("a");
    advance(6s);
  }
  CAF_CHECK(!is_down(top));
}

CAF_TEST(an escalation is a crash to the parent who uses its own strategy) {
  supervisor_config low{.name = "low", .intensity = {1, 60s}, .children = {child("x"), child("y")}};
  auto top = start(
    {.name = "top", .strategy = strategy::rest_for_one, .children = {child("a"), sub_supervisor(low), child("z")}});
  CAF_CHECK_EQUAL(take_started(), (names{"a", "x", "y", "z"}));
  crash("x");
  advance(100ms);
  CAF_CHECK_EQUAL(take_started(), (names{"x"}));
  take_ended();
  crash("x");
  CAF_CHECK_EQUAL(take_ended(), (names{"x", "y", "z"}));
  advance(100ms);
  CAF_CHECK_EQUAL(take_started(), (names{"x", "y", "z"}));
  CAF_CHECK(!is_down(top));
  CAF_CHECK_EQUAL(ask("y", 1), 2);
}

CAF_TEST(escalation climbs three levels) {
  supervisor_config third{.name = "third", .intensity = {0, 60s}, .children = {child("x")}};
  supervisor_config second{.name = "second", .intensity = {0, 60s}, .children = {child("y"), sub_supervisor(third)}};
  auto top = start({.name = "top", .intensity = {0, 60s}, .children = {child("z"), sub_supervisor(second)}});
  CAF_CHECK_EQUAL(take_started(), (names{"z", "y", "x"}));
  crash("x");
  CAF_CHECK(is_down(top));
  CAF_CHECK_EQUAL(take_ended(), (names{"x", "y", "z"}));
}

CAF_TEST(stopping the top stops three levels in reverse) {
  supervisor_config third{.name = "third", .children = {child("e"), child("f")}};
  supervisor_config second{.name = "second", .children = {child("c"), sub_supervisor(third), child("g")}};
  auto top = start({.name = "top", .children = {child("a"), sub_supervisor(second), child("h")}});
  CAF_CHECK_EQUAL(take_started(), (names{"a", "c", "e", "f", "g", "h"}));
  stop(top);
  CAF_CHECK_EQUAL(take_ended(), (names{"h", "g", "f", "e", "c", "a"}));
  CAF_CHECK(is_down(top));
}

CAF_TEST(a killed supervisor takes everything below it down) {
  supervisor_config low{.name = "low", .children = {child("x"), stubborn("y")}};
  auto top = start({.name = "top", .children = {child("a"), sub_supervisor(low)}});
  caf::anon_send_exit(top, caf::exit_reason::kill);
  consume_messages();
  auto down = take_ended();
  std::sort(down.begin(), down.end());
  CAF_CHECK_EQUAL(down, (names{"a", "x", "y"}));
}

CAF_TEST(a child that ignores exit is killed after its grace and the rest still stops in order) {
  auto slow = stubborn("b");
  slow.grace = 300ms;
  auto top = start({.name = "top", .children = {child("a"), slow, child("c")}});
  stop(top);
  CAF_CHECK_EQUAL(take_ended(), (names{"c"}));
  advance(299ms);
  CAF_CHECK_EQUAL(take_ended(), names{});
  advance(1ms);
  CAF_CHECK_EQUAL(take_ended(), (names{"b", "a"}));
  CAF_CHECK(is_down(top));
}

CAF_TEST(a group restart waits for a child that ignores exit) {
  auto slow = stubborn("c");
  slow.grace = 1s;
  start({.name = "top", .strategy = strategy::one_for_all, .children = {child("a"), child("b"), slow}});
  take_started();
  crash("a");
  advance(500ms);
  CAF_CHECK_EQUAL(take_started(), names{});
  advance(500ms);
  CAF_CHECK_EQUAL(take_ended(), (names{"a", "c", "b"}));
  CAF_CHECK_EQUAL(take_started(), (names{"a", "b", "c"}));
}

CAF_TEST(a start function that fails or throws is a crash with backoff) {
  int tries = 0;
  auto bad = child("bad");
  auto good = bad.start;
  bad.start = [&](caf::event_based_actor* parent) -> caf::expected<caf::actor> {
    switch (++tries) {
    case 1:
      return mesh::to_caf({errc::io, "no disk"});
    case 2:
      throw std::runtime_error{"no luck"};
    case 3:
      throw 42;
    case 4:
      return caf::actor{};
    default:
      return good(parent);
    }
  };
  auto top = start({.name = "top", .children = {child("a"), bad, child("c")}});
  CAF_CHECK_EQUAL(take_started(), (names{"a"}));
  CAF_CHECK_EQUAL(std::string{tree_of(top)[2].last_error}, "no disk");
  advance(100ms);
  CAF_CHECK_EQUAL(std::string{tree_of(top)[2].last_error}, "no luck");
  CAF_CHECK_EQUAL(std::string{tree_of(top)[2].state}, "restarting");
  CAF_CHECK_EQUAL(tries, 2);
  advance(200ms);
  advance(400ms);
  CAF_CHECK_EQUAL(tries, 4);
  advance(800ms);
  CAF_CHECK_EQUAL(take_started(), (names{"bad", "c"}));
  CAF_CHECK_EQUAL(std::string{tree_of(top)[2].state}, "running");
}

CAF_TEST(a start function that always fails ends in an escalation) {
  auto bad = child("bad");
  bad.start = [](caf::event_based_actor*) -> caf::expected<caf::actor> { return mesh::to_caf({errc::io, "no disk"}); };
  auto top = start({.name = "top", .intensity = {3, 60s}, .children = {child("a"), bad}});
  for (int i = 0; i < 3; ++i)
    advance(1s);
  CAF_CHECK(is_down(top));
  CAF_CHECK_EQUAL(take_ended(), (names{"a"}));
  caf::error reason;
  self->receive([&](const caf::down_msg& x) { reason = x.reason; });
  CAF_CHECK(mesh::from_caf(reason).message.find("last error: no disk") != std::string::npos);
}

CAF_TEST(the next child starts only when the one before it is ready) {
  auto first = child("a");
  first.awaits_ready = true;
  caf::actor supervisor;
  auto plain = first.start;
  first.start = [&, plain](caf::event_based_actor* parent) {
    supervisor = caf::actor{parent};
    return plain(parent);
  };
  auto top = start({.name = "top", .children = {first, child("b")}});
  CAF_CHECK_EQUAL(take_started(), (names{"a"}));
  // Somebody else's word does not count.
  self->send(supervisor, child_ready{});
  consume_messages();
  CAF_CHECK_EQUAL(take_started(), names{});
  caf::send_as(present["a"], supervisor, child_ready{});
  consume_messages();
  CAF_CHECK_EQUAL(take_started(), (names{"b"}));
  // Its limit is void now.
  advance(31s);
  CAF_CHECK_EQUAL(take_ended(), names{});
  supervisor = nullptr;
}

CAF_TEST(a child that is never ready is stopped and started again) {
  auto first = child("a");
  first.awaits_ready = true;
  first.ready_timeout = 2s;
  auto top = start({.name = "top", .children = {first, child("b")}});
  take_started();
  advance(2s);
  CAF_CHECK_EQUAL(take_ended(), (names{"a"}));
  CAF_CHECK_EQUAL(std::string{tree_of(top)[1].last_error}, "was not ready within 2000 ms");
  advance(100ms);
  CAF_CHECK_EQUAL(take_started(), (names{"a"}));
}

CAF_TEST(a storm of crashes leaves the supervisor and its order intact) {
  auto top = start({.name = "top",
                    .strategy = strategy::one_for_all,
                    .intensity = {100'000, 60s},
                    .children = {child("a"), child("b"), child("c")}});
  for (int round = 0; round < 200; ++round) {
    for (auto name : {"a", "b", "c"})
      caf::anon_send(present[name], caf::exit_msg{caf::actor_addr{}, caf::sec::runtime_error});
    consume_messages();
    take_started();
    advance(30s);
    CAF_REQUIRE_EQUAL(take_started(), (names{"a", "b", "c"}));
  }
  CAF_CHECK(!is_down(top));
  CAF_CHECK_EQUAL(ask("c", 1), 2);
}

CAF_TEST(strangers do not end a sub - supervisor and their messages do no harm) {
  supervisor_config low{.name = "low", .children = {child("x")}};
  auto top = start({.name = "top", .children = {sub_supervisor(low)}});
  auto sub = book->of("low");
  self->send(sub, caf::exit_msg{self->address(), caf::sec::runtime_error});
  self->send(caf::actor_cast<caf::actor>(top), caf::down_msg{self->address(), caf::sec::runtime_error});
  self->send(caf::actor_cast<caf::actor>(top), std::string{"what"});
  consume_messages();
  CAF_CHECK_EQUAL(take_ended(), names{});
  auto h = self->request(caf::actor_cast<caf::actor>(top), caf::infinite, 7);
  consume_messages();
  h.receive([](int) { CAF_FAIL("answered"); }, [](caf::error& err) { CAF_CHECK(err == caf::sec::unexpected_message); });
  // A second order to end, and exits of children meanwhile, change nothing.
  caf::anon_send_exit(top, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(top, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(present["x"], caf::exit_reason::kill);
  consume_messages();
  CAF_CHECK(is_down(top));
}

CAF_TEST(two children of one name are refused) {
  auto top = start({.name = "top", .children = {child("a"), child("a")}});
  CAF_CHECK(is_down(top));
  CAF_CHECK_EQUAL(take_started(), names{});
  caf::error reason;
  self->receive([&](const caf::down_msg& x) { reason = x.reason; });
  CAF_CHECK(mesh::from_caf(reason).code == errc::validation);
}

CAF_TEST(the tree lists parents before their children) {
  supervisor_config low{.name = "low",
                        .strategy = strategy::one_for_all,
                        .intensity = {7, 30s},
                        .children = {child("x", restart_kind::transient), child("y", restart_kind::temporary)}};
  auto top = start({.name = "top", .children = {child("a"), sub_supervisor(low), child("b")}});
  crash("b", caf::sec::runtime_error);
  advance(100ms);
  crash("y", caf::exit_reason::kill);
  advance(5s);
  crash("a");
  auto lines = tree_of(top);
  names shown;
  for (auto& x : lines)
    shown.push_back(std::to_string(x.depth) + " " + x.name + " " + x.state + " [" + x.policy + "] "
                    + std::to_string(x.restarts) + " " + std::to_string(x.uptime.count()));
  CAF_CHECK_EQUAL(
    shown, (names{"0 top running [one_for_one, 5 restarts in 60 s] 0 5100", "1 a restarting [permanent] 0 0",
                  "1 low running [permanent; one_for_all, 7 restarts in 30 s] 0 5100", "2 x running [transient] 0 5100",
                  "2 y failed [temporary] 0 0", "1 b running [permanent] 1 5000"}));
  CAF_CHECK(!lines[1].last_error.empty());
  CAF_CHECK(!lines[4].last_error.empty());
  CAF_CHECK(!lines[5].last_error.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()

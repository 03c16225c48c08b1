#define CAF_SUITE actors.supervision.relay

#include "tests/actors/supervision/fixture.hpp"

using supervision_test::names;
using namespace troupe;
using namespace troupe::supervision;
using namespace std::chrono_literals;

namespace {

constexpr int unavailable = -static_cast<int>(errc::unavailable);

struct fixture : supervision_test::fixture {
  /// Notes what it gets, keeps the promise of each request (a string) unanswered, answers int.
  child_spec keeper(const std::string& name) {
    child_spec spec;
    spec.name = name;
    spec.start = [this, name](caf::event_based_actor* parent) -> caf::expected<caf::actor> {
      auto made = parent->spawn([this](caf::event_based_actor* me) -> caf::behavior {
        return {
          [this](double x) { noted.push_back(x); },
          [me](const std::string&) { return me->make_response_promise<caf::typed_response_promise<int>>(); },
          [](int x) -> caf::result<int> {
            if (x < 0)
              return mesh::to_caf({errc::conflict, "negative"});
            return x + 1;
          },
        };
      });
      present[name] = made;
      return made;
    };
    return spec;
  }

  template <class Handle>
  int outcome(Handle& h) {
    int got = 0;
    h.receive([&](int y) { got = y; }, [&](caf::error& err) { got = -static_cast<int>(mesh::from_caf(err).code); });
    return got;
  }

  std::vector<double> noted;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(relay_tests, fixture)

CAF_TEST(the address is known before the child and stays while it restarts) {
  auto address = book->of("a");
  start({.name = "top", .children = {keeper("a")}});
  CAF_CHECK_EQUAL(ask("a", 1), 2);
  crash("a");
  advance(100ms);
  CAF_CHECK(address == book->of("a"));
  CAF_CHECK_EQUAL(ask("a", 2), 3);
  CAF_CHECK_EQUAL(ask("a", -1), -static_cast<int>(errc::conflict));
}

CAF_TEST(an error that answers nothing ends no child) {
  auto address = book->of("a");
  start({.name = "top", .children = {keeper("a")}});
  auto before = present["a"];
  self->send(address, caf::make_error(caf::sec::runtime_error));
  auto h = self->request(address, caf::infinite, caf::make_error(caf::sec::runtime_error));
  consume_messages();
  CAF_CHECK_EQUAL(ask("a", 1), 2);
  CAF_CHECK(present["a"] == before);
}

CAF_TEST(messages wait in order while the child restarts) {
  start({.name = "top", .children = {keeper("a")}});
  crash("a");
  auto address = book->of("a");
  for (double x : {1.0, 2.0})
    self->send(address, x);
  auto h = self->request(address, caf::infinite, 5);
  consume_messages();
  CAF_CHECK(noted.empty());
  advance(100ms);
  CAF_CHECK_EQUAL(noted, (std::vector<double>{1, 2}));
  CAF_CHECK_EQUAL(outcome(h), 6);
}

CAF_TEST(a full buffer answers unavailable at once) {
  start({.name = "top", .children = {keeper("a")}});
  crash("a");
  for (double x : {1.0, 2.0, 3.0, 4.0})
    self->send(book->of("a"), x);
  CAF_CHECK_EQUAL(ask("a", 1), unavailable);
  advance(100ms);
  CAF_CHECK_EQUAL(noted, (std::vector<double>{1, 2, 3}));
  CAF_CHECK_EQUAL(ask("a", 1), 2);
}

CAF_TEST(what waits too long is answered unavailable) {
  start({.name = "top", .backoff = {.first = 10s}, .children = {keeper("a")}});
  crash("a");
  auto h = self->request(book->of("a"), caf::infinite, 1);
  advance(300ms);
  auto later = self->request(book->of("a"), caf::infinite, 2);
  advance(200ms);
  CAF_CHECK_EQUAL(outcome(h), unavailable);
  advance(300ms);
  CAF_CHECK_EQUAL(outcome(later), unavailable);
  advance(10s);
  CAF_CHECK_EQUAL(ask("a", 1), 2);
}

CAF_TEST(requests in flight in a dead child fail and are not sent again) {
  start({.name = "top", .children = {keeper("a")}});
  auto held = self->request(book->of("a"), caf::infinite, std::string{"hold"});
  consume_messages();
  // One that it has not read yet.
  caf::anon_send(present["a"], caf::exit_msg{caf::actor_addr{}, caf::sec::runtime_error});
  auto unread = self->request(book->of("a"), caf::infinite, 1);
  consume_messages();
  CAF_CHECK_EQUAL(outcome(held), unavailable);
  CAF_CHECK_EQUAL(outcome(unread), unavailable);
  advance(100ms);
  CAF_CHECK_EQUAL(ask("a", 1), 2);
}

CAF_TEST(requests in flight while the child is being stopped are answered) {
  auto spec = keeper("a");
  spec.start = [](caf::event_based_actor* parent) -> caf::expected<caf::actor> {
    return parent->spawn([](caf::event_based_actor* me) -> caf::behavior {
      auto open = std::make_shared<std::vector<caf::typed_response_promise<int>>>();
      me->set_exit_handler([me, open](caf::exit_msg& x) {
        for (auto& promise : *open)
          promise.deliver(99);
        me->quit(x.reason);
      });
      return {[me, open](int) {
        open->push_back(me->make_response_promise<caf::typed_response_promise<int>>());
        return open->back();
      }};
    });
  };
  auto top = start({.name = "top", .children = {spec}});
  auto h = self->request(book->of("a"), caf::infinite, 1);
  consume_messages();
  stop(top);
  CAF_CHECK_EQUAL(outcome(h), 99);
}

CAF_TEST(a child that has ended for good is unavailable at once) {
  auto spec = keeper("a");
  spec.kind = restart_kind::temporary;
  auto top = start({.name = "top", .children = {spec}});
  crash("a");
  CAF_CHECK_EQUAL(ask("a", 1), unavailable);
  stop(top);
  CAF_CHECK_EQUAL(ask("a", 1), unavailable);
}

CAF_TEST(requests through two relays and back to an address on their own way) {
  auto front = keeper("front");
  front.start = [this](caf::event_based_actor* parent) -> caf::expected<caf::actor> {
    auto next = book->of("back");
    return parent->spawn([next](caf::event_based_actor* me) -> caf::behavior {
      return {[me, next](int x) { return me->delegate(next, x); },
              [](const std::string& x) { return static_cast<int>(x.size()); }};
    });
  };
  auto back = keeper("back");
  back.start = [this](caf::event_based_actor* parent) -> caf::expected<caf::actor> {
    auto again = book->of("front");
    return parent->spawn([again](caf::event_based_actor* me) -> caf::behavior {
      return {[me, again](int x) { return me->delegate(again, std::string(static_cast<size_t>(x), 'x')); }};
    });
  };
  start({.name = "top", .children = {front, back}});
  CAF_CHECK_EQUAL(ask("front", 3), 3);
  CAF_CHECK_EQUAL(ask("front", 4), 4);
}

CAF_TEST(addresses end with the top supervisor) {
  auto top = start({.name = "top", .children = {keeper("a")}});
  auto address = book->of("a");
  self->monitor(address);
  self->demonitor(top->address());
  stop(top);
  auto down = false;
  self->receive([&](const caf::down_msg& x) { down = x.source == address.address(); });
  CAF_CHECK(down);
}

CAF_TEST(a child of a supervisor that escalates is reached again at the same address) {
  supervisor_config low{.name = "low", .intensity = {0, 60s}, .children = {keeper("x")}};
  start({.name = "top", .children = {sub_supervisor(low)}});
  crash("x");
  auto h = self->request(book->of("x"), caf::infinite, 1);
  advance(100ms);
  CAF_CHECK_EQUAL(outcome(h), 2);
}

CAF_TEST_FIXTURE_SCOPE_END()

#define CAF_SUITE trouped.loop_scheduler

#include "nodes/trouped/loop_scheduler.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <atomic>
#include <thread>

using namespace troupe;

namespace {

struct loop_config : caf::actor_system_config {
  loop_config() {
    load<caf::io::middleman>();
    use_loop_scheduler(*this);
  }
};

struct fixture {
  loop_config config;
  caf::actor_system sys{config};
  caf::scoped_actor self{sys};

  int ask(const caf::actor& whom, int x) {
    int out = -1;
    self->request(whom, std::chrono::seconds{20}, x)
      .receive([&](int y) { out = y; }, [&](caf::error& e) { CAF_FAIL(sys.render(e)); });
    return out;
  }
  void end(const caf::actor& x) {
    self->send_exit(x, caf::exit_reason::user_shutdown);
  }
};

caf::behavior echo(caf::event_based_actor*) {
  return {[](int x) { return x; }};
}

/// Passes the message on, one less, round and round.
caf::behavior chain_link(caf::event_based_actor* self, caf::actor next) {
  return {[=](int left, caf::actor whom) {
    if (left == 0)
      self->send(whom, 0);
    else
      self->send(next, left - 1, whom);
  }};
}

/// Is never done.
caf::behavior busy(caf::event_based_actor* self) {
  self->send(self, 0);
  return {[=](int x) { self->send(self, x + 1); }};
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(loop_scheduler_tests, fixture)

CAF_TEST(a chain of actors and messages of other threads all arrive) {
  std::vector<caf::actor> links;
  auto chain = sys.spawn([&](caf::event_based_actor* x) { return chain_link(x, caf::actor_cast<caf::actor>(x)); });
  links.push_back(chain);
  for (int i = 0; i < 50; ++i)
    links.push_back(chain = sys.spawn(chain_link, chain));
  self->send(chain, 5'000, caf::actor_cast<caf::actor>(self));
  self->receive([](int left) { CAF_CHECK_EQUAL(left, 0); });
  std::atomic<int> seen{0};
  auto counter = sys.spawn([&seen](caf::event_based_actor*) -> caf::behavior {
    return {[&seen](int) { ++seen; }, [&seen](caf::atom_value) { return seen.load(); }};
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i)
        caf::anon_send(counter, i);
    });
  for (auto& t : threads)
    t.join();
  self->request(counter, std::chrono::seconds{20}, caf::atom("get"))
    .receive([](int n) { CAF_CHECK_EQUAL(n, 40'000); }, [&](caf::error& e) { CAF_FAIL(sys.render(e)); });
  for (auto& x : links)
    end(x);
  end(counter);
}

CAF_TEST(timers fire and detached actors have threads of their own) {
  auto late = sys.spawn([](caf::event_based_actor* x) -> caf::behavior {
    return {[x](int ms, const caf::actor& whom) { x->delayed_send(whom, std::chrono::milliseconds{ms}, ms); }};
  });
  self->send(late, 20, caf::actor_cast<caf::actor>(self));
  self->receive([](int ms) { CAF_CHECK_EQUAL(ms, 20); });
  auto blocking = sys.spawn<caf::detached>([](caf::event_based_actor*) -> caf::behavior {
    return {[](int ms) {
      std::this_thread::sleep_for(std::chrono::milliseconds{ms});
      return ms;
    }};
  });
  caf::anon_send(blocking, 300);
  auto quick = sys.spawn(echo);
  auto began = std::chrono::steady_clock::now();
  CAF_CHECK_EQUAL(ask(quick, 3), 3);
  CAF_CHECK(std::chrono::steady_clock::now() - began < std::chrono::milliseconds{250});
  for (auto& x : {late, blocking, quick})
    end(x);
}

CAF_TEST(actors that are never done starve neither others nor the mesh) {
  std::vector<caf::actor> all;
  for (int i = 0; i < 200; ++i)
    all.push_back(sys.spawn(busy));
  all.push_back(sys.spawn(echo));
  CAF_CHECK_EQUAL(ask(all.back(), 3), 3);
  auto port = sys.middleman().publish(all.back(), 0, "127.0.0.1");
  CAF_REQUIRE(port);
  {
    loop_config other;
    caf::actor_system away{other};
    auto remote = away.middleman().remote_actor("127.0.0.1", *port);
    CAF_REQUIRE(remote);
    caf::scoped_actor there{away};
    for (int i = 0; i < 20; ++i)
      there->request(*remote, std::chrono::seconds{20}, i)
        .receive([&](int y) { CAF_CHECK_EQUAL(y, i); }, [&](caf::error& e) { CAF_FAIL(away.render(e)); });
  }
  for (auto& x : all)
    end(x);
}

CAF_TEST(a system ends with messages that nobody will read) {
  for (int round = 0; round < 20; ++round) {
    loop_config other;
    caf::actor_system short_lived{other};
    short_lived.await_actors_before_shutdown(false);
    auto x = short_lived.spawn(busy);
    auto y = short_lived.spawn(echo);
    for (int i = 0; i < 1'000; ++i)
      caf::anon_send(y, i);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

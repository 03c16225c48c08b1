#define CAF_SUITE actors.supervision.real_threads

#include "tests/actors/supervision/fixture.hpp"

#include <atomic>
#include <thread>

using namespace troupe;
using namespace troupe::supervision;
using namespace std::chrono_literals;

namespace {

child_spec detached_child(const std::string& name, bool obeys, std::atomic<int>& alive) {
  child_spec spec;
  spec.name = name;
  spec.grace = 100ms;
  spec.start = [obeys, &alive](caf::event_based_actor* parent) -> caf::expected<caf::actor> {
    ++alive;
    return parent->spawn<caf::detached>([obeys, &alive](caf::event_based_actor* me) -> caf::behavior {
      me->attach_functor([&alive] { --alive; });
      if (!obeys)
        me->set_exit_handler([](caf::exit_msg&) {});
      return {[](int x) {
        if (x < 0)
          throw std::runtime_error{"negative"};
        return x + 1;
      }};
    });
  };
  return spec;
}

} // namespace

CAF_TEST(detached children restart under load and end with the top) {
  spdlog::set_level(spdlog::level::off);
  supervision_test::config cfg;
  std::atomic<int> alive{0};
  {
    caf::actor_system sys{cfg};
    auto book = std::make_shared<address_book>(sys);
    supervisor_config low{.name = "low", .children = {detached_child("b", false, alive)}};
    auto top = spawn_supervisor(sys, {.name = "top",
                                      .backoff = {.first = 1ms, .max = 2ms},
                                      .intensity = {100'000, 60s},
                                      .children = {detached_child("a", true, alive), sub_supervisor(low)},
                                      .addresses = book});
    std::atomic<int> answered{0};
    std::atomic<int> failed{0};
    std::vector<std::thread> clients;
    for (int t = 0; t < 3; ++t)
      clients.emplace_back([&] {
        caf::scoped_actor me{sys};
        for (int i = 0; i < 300; ++i)
          me->request(book->of("a"), 10s, i % 20 == 0 ? -1 : i)
            .receive([&](int) { ++answered; },
                     [&](caf::error&) {
                       ++failed;
                       // As who is refused does: a child that is ending bounces whatever comes meanwhile.
                       std::this_thread::sleep_for(1ms);
                     });
      });
    for (auto& it : clients)
      it.join();
    CAF_CHECK_EQUAL(answered + failed, 900);
    CAF_CHECK(answered > 100);
    CAF_CHECK(failed >= 45);
    auto stopped = stop_supervisor(sys, top, 10s);
    CAF_CHECK(stopped.has_value());
    // An actor tells its monitors of its end before it runs what was attached earlier.
    for (int i = 0; i < 500 && alive > 0; ++i)
      std::this_thread::sleep_for(10ms);
    CAF_CHECK_EQUAL(alive.load(), 0);
  }
}

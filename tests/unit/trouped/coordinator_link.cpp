#define CAF_SUITE trouped.coordinator_link

#include "nodes/trouped/coordinator_link.hpp"

#include "protocol/mesh/registry.hpp"
#include "tests/support/cutting_proxy.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <future>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr auto soon = 20s;

/// What happens at the door, in the order in which it comes.
struct visits {
  std::mutex mutex;
  std::condition_variable changed;
  bool greets = true;
  size_t greetings = 0;
  std::vector<caf::response_promise> knocks;

  bool wait(const std::function<bool()>& seen) {
    std::unique_lock guard{mutex};
    return changed.wait_for(guard, 10s, seen);
  }
};

/// A door that answers a knock only when it is told which, with the handles of that number.
caf::behavior slow_door(caf::event_based_actor* self, std::shared_ptr<visits> seen,
                        std::vector<mesh::worker_handles> given) {
  return {[self, seen](const mesh::greet&) -> caf::result<mesh::greeting> {
            std::lock_guard guard{seen->mutex};
            ++seen->greetings;
            seen->changed.notify_all();
            if (seen->greets)
              return mesh::greeting{};
            self->make_response_promise();
            return caf::delegated<mesh::greeting>{};
          },
          [self, seen](const mesh::knock_as_worker&) -> caf::result<mesh::worker_handles> {
            std::lock_guard guard{seen->mutex};
            seen->knocks.push_back(self->make_response_promise());
            seen->changed.notify_all();
            return caf::delegated<mesh::worker_handles>{};
          },
          [seen, given](size_t which) {
            std::lock_guard guard{seen->mutex};
            seen->knocks.at(which).deliver(given.at(which));
          }};
}

caf::behavior somebody(caf::event_based_actor*) {
  return {[](const mesh::done&) {}};
}

struct mesh_config : caf::actor_system_config {
  explicit mesh_config(const node::mesh_access& access) {
    CAF_REQUIRE(access.configure(*this).has_value());
    mesh::register_messages(*this);
  }
};

/// A coordinator's door and a worker's link to it, each in a system of its own, with a relay between them.
struct fixture {
  system_clocks time;
  std::shared_ptr<const node::mesh_access> access = std::make_shared<node::mesh_access>(std::nullopt, time);
  mesh_config there_config{*access};
  mesh_config here_config{*access};
  caf::actor_system there{there_config};
  caf::actor_system here{here_config};
  std::shared_ptr<visits> seen = std::make_shared<visits>();
  std::vector<caf::actor> owners{there.spawn(somebody), there.spawn(somebody)};
  caf::actor door;
  std::unique_ptr<test::cutting_proxy> relay;
  std::unique_ptr<node::coordinator_link> link;

  fixture() {
    std::vector<mesh::worker_handles> given(owners.size());
    for (size_t i = 0; i < owners.size(); ++i)
      given[i].jobs = caf::actor_cast<mesh::job_worker>(owners[i]);
    door = there.spawn(slow_door, seen, given);
    auto port = access->publish(there, caf::actor_cast<mesh::door>(door), "127.0.0.1", 0);
    CAF_REQUIRE(port.has_value());
    relay = std::make_unique<test::cutting_proxy>(*port);
    link = std::make_unique<node::coordinator_link>(here, access,
                                                    std::vector<config::host_port>{{"127.0.0.1", relay->port}}, "b");
  }
  ~fixture() {
    link.reset();
    caf::anon_send_exit(door, caf::exit_reason::kill);
    for (auto& x : owners)
      caf::anon_send_exit(x, caf::exit_reason::kill);
    seen->knocks.clear();
    door = nullptr;
    owners.clear();
  }

  std::future<result<mesh::job_worker>> look_up() {
    auto found = std::make_shared<std::promise<result<mesh::job_worker>>>();
    link->find([found](auto x) { found->set_value(std::move(x)); });
    return found->get_future();
  }
  bool knocked(size_t n) {
    return seen->wait([&] { return seen->knocks.size() == n; });
  }
  void answer(size_t which) {
    caf::anon_send(door, which);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(coordinator_link_tests, fixture)

CAF_TEST(a look up that was overtaken leaves the handles of the newer one) {
  auto first = look_up();
  CAF_REQUIRE(knocked(1));
  auto second = look_up();
  CAF_REQUIRE(knocked(2));
  answer(1);
  auto newer = second.get();
  CAF_REQUIRE(newer.has_value());
  CAF_CHECK_EQUAL(newer->id(), owners[1].id());
  CAF_CHECK_EQUAL(link->handles().jobs.id(), owners[1].id());
  answer(0);
  auto older = first.get();
  CAF_REQUIRE(older.has_value());
  CAF_CHECK_EQUAL(older->id(), owners[0].id());
  CAF_CHECK_EQUAL(link->handles().jobs.id(), owners[1].id());
}

CAF_TEST(a knock ends with the link that it went over) {
  auto found = look_up();
  CAF_REQUIRE(knocked(1));
  relay.reset();
  CAF_REQUIRE(found.wait_for(soon) == std::future_status::ready);
  auto x = found.get();
  CAF_REQUIRE(!x.has_value());
  CAF_CHECK(x.error().code == errc::unavailable);
  CAF_CHECK(x.error().message.find("broke off") != std::string::npos);
}

CAF_TEST(a greeting ends with the link that it went over) {
  seen->greets = false;
  auto found = look_up();
  CAF_REQUIRE(seen->wait([&] { return seen->greetings == 1; }));
  relay.reset();
  CAF_REQUIRE(found.wait_for(soon) == std::future_status::ready);
  auto x = found.get();
  CAF_REQUIRE(!x.has_value());
  CAF_CHECK(x.error().message.find("broke off") != std::string::npos);
}

CAF_TEST_FIXTURE_SCOPE_END()

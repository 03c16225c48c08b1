#define CAF_SUITE cluster.door

#include "actors/cluster/door.hpp"
#include "tests/support/actor_fixture.hpp"

#include <spdlog/spdlog.h>

using namespace troupe;

namespace {

mesh::knock of(const char* role, uint32_t version = worker_protocol_version) {
  mesh::knock out;
  out.protocol_version = version;
  out.role = role;
  out.name = "a";
  return out;
}

mesh::node_info::behavior_type info(mesh::node_info::pointer) {
  return {[](const mesh::get_status&) { return mesh::node_status{}; },
          [](const mesh::get_profiles&) { return mesh::profile_list{}; },
          [](const mesh::get_refusals&) { return mesh::refusal_list{}; }};
}

struct fixture : test::actor_fixture {
  mesh::node_info admin_only = sys.spawn(info);
  system_clocks time;
  std::shared_ptr<cluster::gatekeeper> keeper = std::make_shared<cluster::gatekeeper>(std::nullopt, time);
  mesh::door door;
  /// That came in as gateways, with their versions; expired when they have left.
  std::map<std::string, std::weak_ptr<const void>> gateways;

  fixture() {
    spdlog::set_level(spdlog::level::off);
    mesh::admin_handles admin;
    admin.node = admin_only;
    cluster::gateway_arrival came = [this](const std::string& name, const std::string& software) {
      auto presence = std::make_shared<int>(0);
      gateways[name + " " + software] = presence;
      return presence;
    };
    door = sys.spawn(cluster::door, keeper, admin, mesh::worker_handles{}, welcome(), came);
  }
  static mesh::gateway_welcome welcome() {
    mesh::gateway_welcome out;
    out.data_folder = "/data";
    return out;
  }
  ~fixture() {
    self->send_exit(door, caf::exit_reason::kill);
    self->send_exit(admin_only, caf::exit_reason::kill);
    run();
  }

  template <class Answer, class Message>
  errc knock(Message x) {
    auto h = self->request(door, caf::infinite, std::move(x));
    run();
    errc out = errc::none;
    h.receive([](const Answer&) {}, [&](caf::error& e) { out = mesh::from_caf(e).code; });
    return out;
  }
};

} // namespace

CAF_TEST(who does not say who it is leaves room in the list for who does) {
  cluster::refusal_log log;
  CAF_CHECK(log.note({from_ms(1), "ben", "worker", "has expired"}));
  for (int i = 0; i < 100; ++i)
    CAF_CHECK(log.note({from_ms(2), {}, {}, "a caller from 10.0.0." + std::to_string(i)}));
  CAF_CHECK(!log.note({from_ms(3), {}, {}, "a caller from 10.0.0.99"}));
  auto last = log.last();
  CAF_CHECK_EQUAL(last.size(), 21u);
  CAF_CHECK_EQUAL(last.back().name, "ben");
  CAF_CHECK_EQUAL(last.front().times, 2u);
}

CAF_TEST_FIXTURE_SCOPE(door_tests, fixture)

CAF_TEST(peers of this version come in) {
  CAF_CHECK(knock<mesh::greeting>(mesh::greet{}) == errc::none);
  CAF_CHECK(knock<mesh::admin_handles>(of("admin")) == errc::none);
  CAF_CHECK(knock<mesh::worker_handles>(mesh::knock_as_worker{of("worker")}) == errc::none);
  CAF_CHECK(knock<mesh::gateway_welcome>(mesh::knock_as_gateway{of("gateway")}) == errc::none);
}

CAF_TEST(peers of another version are told so) {
  CAF_CHECK(knock<mesh::greeting>(mesh::greet{worker_protocol_version + 1, {}}) == errc::protocol);
  CAF_CHECK(knock<mesh::admin_handles>(of("admin", worker_protocol_version + 1)) == errc::protocol);
  CAF_CHECK(knock<mesh::worker_handles>(mesh::knock_as_worker{of("worker", 0)}) == errc::protocol);
  CAF_CHECK(knock<mesh::gateway_welcome>(mesh::knock_as_gateway{of("gateway", 0)}) == errc::protocol);
}

CAF_TEST(who greets in another version is in the list of refusals by the name that it gives itself) {
  mesh::greet old;
  old.protocol_version = worker_protocol_version + 1;
  old.name = "ben" + std::string(10'000, 'n');
  old.role = "worker";
  CAF_CHECK(knock<mesh::greeting>(old) == errc::protocol);
  auto last = keeper->refusals()->last();
  CAF_REQUIRE_EQUAL(last.size(), 1u);
  CAF_CHECK_EQUAL(last[0].name, old.name.substr(0, 200));
  CAF_CHECK_EQUAL(last[0].role, "worker");
  CAF_CHECK(last[0].reason.starts_with("the peer, which calls itself 'benn"));
  CAF_CHECK(last[0].reason.size() < 500);
  // An older one says nothing of itself.
  old.name.clear();
  old.role.clear();
  CAF_CHECK(knock<mesh::greeting>(old) == errc::protocol);
  CAF_CHECK(keeper->refusals()->last()[0].reason.starts_with("the peer speaks protocol version"));
}

CAF_TEST(a gateway is counted as long as its facade lives) {
  auto knocks = of("gateway");
  knocks.software = "1.2.3";
  auto h = self->request(door, caf::infinite, mesh::knock_as_gateway{knocks});
  run();
  mesh::gateway_welcome got;
  h.receive([&](mesh::gateway_welcome& x) { got = std::move(x); }, [&](caf::error& e) { CAF_FAIL(sys.render(e)); });
  CAF_REQUIRE_EQUAL(gateways.size(), 1u);
  CAF_CHECK_EQUAL(gateways.begin()->first, "a 1.2.3");
  CAF_CHECK(!gateways.begin()->second.expired());
  // Its handle is still held by others when it has ended.
  self->send_exit(caf::actor_cast<caf::actor>(got.handles.jobs), caf::exit_reason::user_shutdown);
  run();
  CAF_CHECK(gateways.begin()->second.expired());
  knock<mesh::worker_handles>(mesh::knock_as_worker{of("worker")});
  CAF_CHECK(knock<mesh::gateway_welcome>(mesh::knock_as_gateway{of("gateway", 0)}) == errc::protocol);
  CAF_CHECK_EQUAL(gateways.size(), 1u);
}

CAF_TEST(an entrance is for its role) {
  CAF_CHECK(knock<mesh::admin_handles>(of("worker")) == errc::protocol);
  CAF_CHECK(knock<mesh::worker_handles>(mesh::knock_as_worker{of("admin")}) == errc::protocol);
  CAF_CHECK(knock<mesh::gateway_welcome>(mesh::knock_as_gateway{of("worker")}) == errc::protocol);
}

CAF_TEST(a node says how long it runs) {
  mesh::node_status s;
  s.node_name = "n";
  auto term = std::make_shared<std::atomic<uint64_t>>(0);
  auto refused = std::make_shared<cluster::refusal_log>();
  refused->note({from_ms(5), "b", "worker", "another version"});
  std::shared_ptr<const cluster::refusal_log> log = refused;
  auto node = sys.spawn(cluster::node_info, s, std::shared_ptr<const std::atomic<uint64_t>>{term},
                        std::vector{*find_profile("remux")}, log);
  *term = 7;
  auto h = self->request(node, caf::infinite, mesh::get_status{});
  run();
  h.receive(
    [](const mesh::node_status& x) {
      CAF_CHECK_EQUAL(x.node_name, "n");
      CAF_CHECK_EQUAL(x.term, 7u);
      CAF_CHECK(x.uptime.count() >= 0);
    },
    [&](caf::error& e) { CAF_FAIL(sys.render(e)); });
  auto refusals = self->request(node, caf::infinite, mesh::get_refusals{});
  run();
  refusals.receive(
    [](const mesh::refusal_list& x) {
      CAF_REQUIRE_EQUAL(x.peers.size(), 1u);
      CAF_CHECK_EQUAL(x.peers[0].reason, "another version");
    },
    [&](caf::error& e) { CAF_FAIL(sys.render(e)); });
  auto profiles = self->request(node, caf::infinite, mesh::get_profiles{});
  run();
  profiles.receive([](const mesh::profile_list& x) { CAF_CHECK(x.profiles == std::vector{*find_profile("remux")}); },
                   [&](caf::error& e) { CAF_FAIL(sys.render(e)); });
  self->send_exit(node, caf::exit_reason::kill);
  run();
}

CAF_TEST_FIXTURE_SCOPE_END()

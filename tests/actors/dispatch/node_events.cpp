#define CAF_SUITE dispatch.node_events

#include "tests/support/coordinator_fixture.hpp"

#include <nlohmann/json.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

struct fixture : coordinator_fixture {
  std::shared_ptr<dispatch::gateway_register> gateways = std::make_shared<dispatch::gateway_register>(config.time);

  fixture() {
    config.gateways = gateways;
    start();
    gateways->tell([this](const std::string& name) {
      self->send(caf::actor_cast<dispatch::gateway_listener>(dispatcher), dispatch::gateway_changed{name});
    });
  }
  ~fixture() {
    gateways->tell({});
  }

  void renew(std::vector<node_link> links) {
    ask<mesh::leases_renewed>(dispatcher, mesh::renew_leases{me, {}, {{}, std::move(links)}});
  }
  std::map<std::string, node_details> listed() {
    std::map<std::string, node_details> out;
    for (auto& x : ask<mesh::node_list>(dispatcher, mesh::get_nodes{}).value().nodes)
      out[x.rules.name] = x;
    return out;
  }

  std::vector<nlohmann::json> node_events() {
    std::vector<nlohmann::json> out;
    for (auto& e : *events)
      if (e.topic == nodes_topic) {
        CAF_CHECK_EQUAL(e.type, "node_update");
        out.push_back(nlohmann::json::parse(e.data));
      }
    events->clear();
    return out;
  }

  asked<mesh::node_list> change(mesh::node_action action, std::string reason = {}) {
    mesh::change_node x;
    x.name = "node";
    x.action = action;
    x.reason = std::move(reason);
    return ask<mesh::node_list>(dispatcher, x);
  }

  /// Of each node only so much is told at a time.
  void wait() {
    pass(dispatch::node_news::interval);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(node_event_tests, fixture)

CAF_TEST(a node that joins and leaves is told of) {
  join(3);
  auto told = node_events();
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK_EQUAL(told[0]["name"], "node");
  CAF_CHECK_EQUAL(told[0]["status"], "active");
  CAF_CHECK_EQUAL(told[0]["queues"]["video"]["slots"], 3);
  wait();
  CAF_CHECK(node_events().empty());
  ask<mesh::done>(dispatcher, mesh::leave{me});
  told = node_events();
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK_EQUAL(told[0]["status"], "away");
}

CAF_TEST(a change of rules is told of after its commit and not before) {
  join();
  wait();
  node_events();
  close_door();
  auto answer = change(mesh::node_action::drain, "a new disk");
  pass(milliseconds{1000});
  CAF_CHECK(!answer.done());
  CAF_CHECK(node_events().empty());
  open_door();
  CAF_CHECK(answer.done());
  auto told = node_events();
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK_EQUAL(told[0]["state"], "draining");
  CAF_CHECK_EQUAL(told[0]["reason"], "a new disk");
}

CAF_TEST(many changes of one node are few events and the last of them is told) {
  join();
  wait();
  node_events();
  for (int i = 0; i < 50; ++i) {
    change(i % 2 == 0 ? mesh::node_action::drain : mesh::node_action::undrain);
    pass(milliseconds{10});
  }
  change(mesh::node_action::quarantine, "by hand");
  wait();
  auto told = node_events();
  CAF_CHECK(told.size() >= 2);
  CAF_CHECK(told.size() <= 5);
  CAF_REQUIRE(!told.empty());
  CAF_CHECK_EQUAL(told.back()["state"], "quarantined");
}

CAF_TEST(a node that can not be reached is told of) {
  join();
  wait();
  node_events();
  self->send_exit(link, caf::exit_reason::kill);
  run();
  auto told = node_events();
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK_EQUAL(told[0]["connected"], false);
}

CAF_TEST(a gateway that comes and goes is told of and listed and gets no rules) {
  auto presence = gateways->came("gina", "1");
  run();
  auto told = node_events();
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK_EQUAL(told[0]["name"], "gina");
  CAF_CHECK_EQUAL(told[0]["status"], "active");
  CAF_CHECK_EQUAL(told[0]["connected"], true);
  CAF_CHECK_EQUAL(told[0]["roles"].dump(), R"(["gateway"])");
  CAF_CHECK_EQUAL(listed().at("gina").software, "1");
  mesh::change_node x;
  x.name = "gina";
  x.action = mesh::node_action::drain;
  auto refused = ask<mesh::node_list>(dispatcher, x).failure();
  CAF_CHECK(refused.code == errc::conflict
            && refused.message.find("is a gateway and runs no jobs") != std::string::npos);
  wait();
  presence.reset();
  run();
  told = node_events();
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK_EQUAL(told[0]["status"], "away");
  CAF_CHECK(listed().contains("gina"));
  pass(milliseconds{1000});
  CAF_CHECK(node_events().empty());
}

CAF_TEST(a gateway is still listed when the dispatcher began anew) {
  auto presence = gateways->came("gina", "1");
  run();
  stop();
  start();
  CAF_CHECK_EQUAL(standing(listed().at("gina")), "active");
}

CAF_TEST(a link is told of when bytes have moved and at most once a renewal) {
  join();
  auto presence = gateways->came("gina", "1");
  run();
  pass(config.queue.lease / 3);
  node_events();
  // Idle ones cost nothing.
  for (int i = 0; i < 20; ++i) {
    renew({});
    pass(milliseconds{100});
  }
  CAF_CHECK(node_events().empty());
  renew({{"gina", 1'000, 0}, {"nobody we know", 5, 0}});
  auto told = node_events();
  CAF_REQUIRE_EQUAL(told.size(), 2u);
  CAF_CHECK_EQUAL(told[0]["name"], "gina");
  CAF_CHECK_EQUAL(told[0]["links"].dump(), R"([{"node":"node","received":1000,"sent":0}])");
  CAF_CHECK_EQUAL(told[1]["name"], "node");
  CAF_CHECK_EQUAL(listed().at("gina").links.at(0).received, 1'000u);
  // Whoever tells more often is not told of more often.
  for (uint64_t i = 1; i <= 40; ++i) {
    renew({{"gina", 1'000 + i, 0}, {"nobody we know", 5, 0}});
    pass(milliseconds{100});
  }
  CAF_CHECK(node_events().empty());
  pass(config.queue.lease / 3);
  told = node_events();
  CAF_REQUIRE_EQUAL(told.size(), 2u);
  CAF_CHECK_EQUAL(told[0]["links"][0]["received"], 1'040);
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(nobody is told of what nobody follows) {
  struct unfollowed : coordinator_fixture {};
  unfollowed f;
  f.config.wanted = [](std::string_view topic) { return topic != nodes_topic; };
  f.start();
  f.join();
  CAF_CHECK(std::none_of(f.events->begin(), f.events->end(), [](auto& e) { return e.topic == nodes_topic; }));
}

#define CAF_SUITE dispatch.gateway_register

#include "actors/dispatch/gateway_register.hpp"

#include "protocol/model/software.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <algorithm>
#include <random>

using namespace troupe;
using namespace troupe::dispatch;

namespace {

struct fixture {
  std::shared_ptr<test::manual_clock> time = std::make_shared<test::manual_clock>();
  std::shared_ptr<gateway_register> uut = std::make_shared<gateway_register>(time);
  std::vector<std::string> told;

  fixture() {
    uut->tell([this](const std::string& name) { told.push_back(name); });
  }
  /// As a queue that has no worker of it knows it.
  node_details details(const std::string& name) const {
    node_details x;
    x.rules.name = name;
    x.open = true;
    uut->add_to(x);
    return x;
  }
};

using texts = std::vector<std::string>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(gateway_register_tests, fixture)

CAF_TEST(a gateway is there until the last of its facades ends and is missed for a day) {
  auto first = uut->came("gina", std::string{software_version()});
  auto second = uut->came("gina", std::string{software_version()});
  CAF_CHECK(told == texts{"gina"});
  auto x = details("gina");
  CAF_CHECK(x.roles == texts{"gateway"});
  CAF_CHECK_EQUAL(standing(x), "active");
  CAF_CHECK(!x.open && x.closed == "is a gateway and runs no jobs");
  CAF_CHECK(x.software == software_version() && !x.other_software);
  CAF_CHECK(x.joined == time->wall());
  first.reset();
  CAF_CHECK(uut->is_here("gina") && told.size() == 1);
  second.reset();
  CAF_CHECK((told == texts{"gina", "gina"}));
  time->advance(std::chrono::hours{1});
  x = details("gina");
  CAF_CHECK_EQUAL(standing(x), "away");
  CAF_CHECK(x.roles == texts{"gateway"} && x.silent == milliseconds{3'600'000});
  CAF_CHECK_EQUAL(uut->names().size(), 1u);
  time->advance(std::chrono::hours{23});
  CAF_CHECK(uut->names().empty());
  CAF_CHECK(details("gina").roles.empty());
}

CAF_TEST(a node with both roles is one entry that works) {
  auto presence = uut->came("gina", "0.0.1");
  node_details x;
  x.rules.name = "gina";
  x.workers = {worker_id{{1, 2}}};
  x.roles = {"worker"};
  x.open = true;
  x.joined = from_ms(5);
  x.software = std::string{software_version()};
  uut->add_to(x);
  CAF_CHECK((x.roles == texts{"gateway", "worker"}));
  CAF_CHECK(x.open && x.closed.empty() && x.joined == from_ms(5));
  // One of its processes is of another version.
  CAF_CHECK(x.software == software_version() && x.other_software);
  // Its worker has gone: what is here is a gateway.
  x.workers.clear();
  x.joined = {};
  uut->add_to(x);
  CAF_CHECK(x.roles == texts{"gateway"});
  CAF_CHECK_EQUAL(standing(x), "active");
}

CAF_TEST(a facade may outlive the register) {
  auto presence = uut->came("gina", "1");
  uut.reset();
  presence.reset();
  CAF_CHECK(told == texts{"gina"});
}

CAF_TEST(names that anybody made up are bounded) {
  auto stays = uut->came("gina", std::string(100'000, 's'));
  for (size_t i = 0; i < 3 * gateway_register::most; ++i)
    uut->came("x" + std::to_string(i), "1");
  CAF_CHECK(uut->names().size() <= gateway_register::most);
  CAF_CHECK(uut->is_here("gina"));
  CAF_CHECK(details("gina").software.size() <= 200);
}

CAF_TEST(whatever comes and goes who is here is listed and told of) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::mt19937_64 rng{seed};
    fixture f;
    std::map<std::string, std::vector<std::shared_ptr<const void>>> here;
    std::map<std::string, size_t> changes;
    for (int i = 0; i < 200; ++i) {
      auto name = std::string(1, static_cast<char>('a' + rng() % 4));
      auto& facades = here[name];
      if (rng() % 2 == 0) {
        changes[name] += facades.empty();
        facades.push_back(f.uut->came(name, "1"));
      } else if (!facades.empty()) {
        facades.erase(facades.begin() + static_cast<ptrdiff_t>(rng() % facades.size()));
        changes[name] += facades.empty();
      }
      f.time->advance(milliseconds{rng() % 1'000});
      if (f.uut->is_here(name) == facades.empty() || (standing(f.details(name)) == "away") != facades.empty())
        CAF_FAIL("seed " << seed << ": " << name << " is not as it should be");
    }
    for (auto& [name, n] : changes)
      if (static_cast<size_t>(std::count(f.told.begin(), f.told.end(), name)) != n)
        CAF_FAIL("seed " << seed << ": " << name << " was not told of as often as it changed");
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

#define CAF_SUITE cluster.coordinator_files

#include "actors/cluster/coordinator_files.hpp"

#include "tests/support/seeds.hpp"

using namespace troupe;
using namespace troupe::cluster;
using namespace std::chrono_literals;

namespace {

using end = files_look::end;

mesh::file_grant grant(const std::string& node, const std::string& host) {
  return {host, 3003, "ticket", node, {}};
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST(grants of the coordinator are known by its name whatever host they say) {
  coordinator_files x;
  // Who has been told nothing but the port asks the coordinator.
  CAF_CHECK(x.is_at(grant("anna", "")));
  CAF_CHECK(!x.is_at(grant("anna", "10.1.0.1")));
  x.granted(grant("carl", "carl.lan"), false);
  CAF_CHECK(!x.is_at(grant("carl", "carl.lan")));
  x.granted(grant("anna", "10.1.0.1"), true);
  CAF_CHECK(x.is_at(grant("anna", "10.1.0.1")));
  CAF_CHECK(x.is_at(grant("anna", "10.2.0.1")));
  CAF_CHECK(!x.is_at(grant("carl", "10.1.0.1")));
  // Another one has taken over.
  x.granted(grant("dora", "10.1.0.2"), true);
  CAF_CHECK(!x.is_at(grant("anna", "10.1.0.1")));
  CAF_CHECK(x.problem().empty());
  x.set_problem("a firewall");
  CAF_CHECK_EQUAL(x.problem(), "a firewall");
}

CAF_TEST(only who does not answer or is a stranger is out of reach) {
  for (auto code : {errc::unavailable, errc::timeout, errc::io, errc::forbidden, errc::protocol}) {
    auto x = judge_look({code, "10.0.0.1:3003 says no"});
    CAF_CHECK(x.how == end::failed);
    CAF_CHECK_EQUAL(x.why, "10.0.0.1:3003 says no");
  }
  error busy{errc::unavailable, "come later"};
  busy.retry_after = 5s;
  CAF_CHECK(judge_look(busy).how == end::reached);
  for (auto code : {errc::none, errc::not_found, errc::conflict, errc::rate_limited})
    CAF_CHECK(judge_look({code, "x"}).how == end::reached);
  CAF_CHECK(judge_look({errc::cancelled, ""}).how == end::not_asked);
}

CAF_TEST(the first look counts and later ones when two in a row fail) {
  files_reach x{{60s, 5s}, "ben"};
  CAF_CHECK(!x.take({end::not_asked}));
  CAF_CHECK(x.pause() == 5s);
  auto told = x.take({end::failed, "10.0.0.1:3003 can't be reached: Connection refused"});
  CAF_REQUIRE(told.has_value());
  CAF_CHECK(told->starts_with(
    "node ben can't reach the coordinator's files: 10.0.0.1:3003 can't be reached: Connection refused; open"));
  CAF_CHECK(has(*told, "files.port") && has(*told, "files.address or files.host"));
  CAF_CHECK(x.pause() == 5s);
  CAF_CHECK(!x.take({end::failed, "10.0.0.1:3003 can't be reached: Connection refused"}));
  // That it can't be asked changes nothing.
  CAF_CHECK(!x.take({end::not_asked}));
  CAF_CHECK(x.take({end::reached}) == std::string{});
  CAF_CHECK(x.pause() == 60s);
  CAF_CHECK(!x.take({end::reached}));
  CAF_CHECK(!x.take({end::failed, "lost"}));
  CAF_CHECK(x.pause() == 5s);
  CAF_CHECK(!x.take({end::reached}));
  CAF_CHECK(!x.take({end::failed, "lost"}));
  CAF_CHECK(x.take({end::failed, "lost"}).value_or("").starts_with("node ben can't reach"));
  CAF_CHECK(x.take({end::reached}) == std::string{});
}

CAF_TEST(any history over seeds) {
  test::for_seeds(200, [](uint64_t seed) {
    std::mt19937_64 random{seed};
    files_reach x{{60s, 5s}, "ben"};
    std::optional<std::string> known;
    std::vector<end> seen;
    for (int i = 0; i < 300; ++i) {
      const auto how = static_cast<end>(random() % 3);
      seen.push_back(how);
      auto told = x.take({how, random() % 2 == 0 ? "a" : "b"});
      // Nothing twice, and nothing without a look.
      CAF_REQUIRE(!told || how != end::not_asked);
      CAF_REQUIRE(!told || told != known);
      if (told)
        known = told;
      if (how == end::reached)
        CAF_REQUIRE(known == std::string{});
      const auto n = seen.size();
      if (how == end::failed && (n == 1 || seen[n - 2] == end::failed))
        CAF_REQUIRE(known && !known->empty());
      CAF_REQUIRE(x.pause() == (how == end::reached ? 60s : 5s));
    }
  });
}

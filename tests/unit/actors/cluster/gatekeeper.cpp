#define CAF_SUITE cluster.gatekeeper

#include "actors/cluster/gatekeeper.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/unit_test.hpp"

using namespace troupe;
using namespace troupe::cluster;

namespace {

using identity::node_papers;

struct fixture {
  fixture() : ca(identity::authority::create("home", time.wall())), keeper(papers_of("anna", {"coordinator"}), time) {
  }

  node_papers papers_of(const std::string& name, std::vector<std::string> roles) {
    auto x = ca->issue({name, std::move(roles), {"127.0.0.1"}}, time.wall());
    CAF_REQUIRE(x.has_value());
    return {"", ca->own().certificate, *x, *identity::read_certificate(x->certificate)};
  }

  mesh::greeting greeting() {
    auto x = keeper.greet({worker_protocol_version, *identity::new_challenge()});
    CAF_REQUIRE(x.has_value());
    return *x;
  }

  /// As a node with these papers knocks.
  static mesh::knock knock(const node_papers& own, const std::string& role, const std::string& challenge,
                           const std::string& name = {}) {
    mesh::knock out;
    out.role = role;
    out.name = name.empty() ? own.facts.name : name;
    out.challenge = challenge;
    auto proof = identity::prove(own, identity::side::caller, challenge,
                                 identity::caller_claim(out.protocol_version, out.role, out.name));
    CAF_REQUIRE(proof.has_value());
    out.certificate = proof->certificate;
    out.signature = proof->signature;
    return out;
  }

  std::string said(const mesh::knock& x, const std::string& role) {
    auto out = keeper.admit(x, role);
    return out ? "in: " + *out : std::string{to_string(out.error().code)} + ": " + out.error().message;
  }

  test::manual_clock time;
  result<identity::authority> ca;
  gatekeeper keeper;
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(gatekeeper_tests, fixture)

CAF_TEST(who has a certificate that grants the role comes in) {
  auto worker = papers_of("ben", {"worker"});
  CAF_CHECK_EQUAL(said(knock(worker, "worker", greeting().challenge), "worker"), "in: ben");
  auto admin = papers_of("laptop", {"admin"});
  CAF_CHECK_EQUAL(said(knock(admin, "admin", greeting().challenge), "admin"), "in: laptop");
  // On the coordinator's own machine.
  auto coordinator = papers_of("anna", {"coordinator", "gateway"});
  CAF_CHECK_EQUAL(said(knock(coordinator, "admin", greeting().challenge), "admin"), "in: anna");
  CAF_CHECK(keeper.refusals()->last().empty());
}

CAF_TEST(roles that are not granted are refused) {
  auto worker = papers_of("ben", {"worker", "gateway"});
  CAF_CHECK(holds(said(knock(worker, "admin", greeting().challenge), "admin"),
                  "forbidden: the certificate of 'ben' does not grant the role admin"));
  auto admin = papers_of("laptop", {"admin"});
  CAF_CHECK(holds(said(knock(admin, "worker", greeting().challenge), "worker"), "does not grant the role worker"));
  auto plain = papers_of("carl", {"worker"});
  CAF_CHECK(
    holds(said(knock(plain, "gateway", greeting().challenge), "gateway"),
          "forbidden: the certificate of 'carl' does not grant the role gateway; issue one with '--role gateway'"));
  // Nor has the coordinator's machine a gateway by itself.
  auto coordinator = papers_of("dora", {"coordinator"});
  CAF_CHECK(holds(said(knock(coordinator, "gateway", greeting().challenge), "gateway"), "does not grant"));
  CAF_CHECK_EQUAL(said(knock(worker, "gateway", greeting().challenge), "gateway"), "in: ben");
  // Signed for one role, brought for another.
  auto x = knock(worker, "worker", greeting().challenge);
  x.role = "admin";
  CAF_CHECK(holds(said(x, "admin"), "whose key it does not hold"));
  CAF_REQUIRE_EQUAL(keeper.refusals()->last().size(), 5u);
  CAF_CHECK_EQUAL(keeper.refusals()->last().back().name, "ben");
  CAF_CHECK_EQUAL(keeper.refusals()->last().back().role, "admin");
}

CAF_TEST(a name is the one in the certificate) {
  auto worker = papers_of("ben", {"worker"});
  CAF_CHECK(holds(said(knock(worker, "worker", greeting().challenge, "anna"), "worker"),
                  "forbidden: the certificate is for 'ben', but the node calls itself 'anna'"));
}

CAF_TEST(a challenge serves once and not for long) {
  auto worker = papers_of("ben", {"worker"});
  auto challenge = greeting().challenge;
  auto x = knock(worker, "worker", challenge);
  CAF_CHECK_EQUAL(said(x, "worker"), "in: ben");
  CAF_CHECK(holds(said(x, "worker"), "has served already"));
  auto old = greeting().challenge;
  time.advance(gatekeeper::challenge_valid + milliseconds{1});
  CAF_CHECK(holds(said(knock(worker, "worker", old), "worker"), "too old"));
  // One that the caller has thought of.
  CAF_CHECK(holds(said(knock(worker, "worker", *identity::new_challenge()), "worker"), "was not given out"));
  CAF_CHECK(holds(said(knock(worker, "worker", ""), "worker"), "was not given out"));
  // A refused knock has used it up, too.
  auto once = greeting().challenge;
  CAF_CHECK(holds(said(knock(worker, "admin", once), "admin"), "does not grant"));
  CAF_CHECK(holds(said(knock(worker, "worker", once), "worker"), "has served already"));
}

CAF_TEST(strangers are refused) {
  auto foreign = identity::authority::create("home", time.wall());
  auto x = foreign->issue({"ben", {"worker", "admin"}, {}}, time.wall());
  node_papers papers{"", foreign->own().certificate, *x, *identity::read_certificate(x->certificate)};
  CAF_CHECK(holds(said(knock(papers, "worker", greeting().challenge), "worker"), "not of this cluster's authority"));
  auto nobody = knock(papers, "worker", greeting().challenge);
  nobody.certificate.clear();
  CAF_CHECK(holds(said(nobody, "worker"), "forbidden: the certificate can't be read"));
  auto worker = papers_of("ben", {"worker"});
  time.advance(std::chrono::hours{24 * 366});
  CAF_CHECK(holds(said(knock(worker, "worker", greeting().challenge), "worker"), "has expired"));
}

CAF_TEST(the door shows who it is) {
  const auto challenge = *identity::new_challenge();
  auto x = keeper.greet({worker_protocol_version, challenge});
  CAF_REQUIRE(x.has_value());
  auto facts = identity::check_proof({x->certificate, x->signature}, identity::side::door, challenge,
                                     identity::door_claim, ca->own().certificate, time.wall());
  CAF_REQUIRE(facts.has_value());
  CAF_CHECK_EQUAL(facts->name, "anna");
  CAF_CHECK(x->challenge != challenge);
  auto other = keeper.greet({worker_protocol_version + 1, challenge});
  CAF_CHECK(!other.has_value() && other.error().code == errc::protocol);
}

CAF_TEST(who asks and never knocks shuts nobody out for ever) {
  auto worker = papers_of("ben", {"worker"});
  auto first = greeting().challenge;
  for (size_t i = 0; i < gatekeeper::most_challenges; ++i)
    greeting();
  CAF_CHECK(holds(said(knock(worker, "worker", first), "worker"), "was not given out"));
  CAF_CHECK_EQUAL(said(knock(worker, "worker", greeting().challenge), "worker"), "in: ben");
}

CAF_TEST(refusals are bounded) {
  auto worker = papers_of(std::string(64, 'n'), {"worker"});
  for (size_t i = 0; i < 2 * refusal_log::most; ++i) {
    auto x = knock(worker, "worker", "");
    x.name = std::to_string(i) + std::string(10'000, 'n');
    CAF_CHECK(holds(said(x, "worker"), "forbidden"));
  }
  CAF_CHECK_EQUAL(keeper.refusals()->last().size(), refusal_log::most);
  CAF_CHECK(keeper.refusals()->last().front().name.size() <= 200);
}

CAF_TEST(who comes again for the same reason is one refusal) {
  for (int i = 0; i < 3; ++i) {
    CAF_CHECK(!keeper.greet({worker_protocol_version + 1, {}}));
    CAF_CHECK(!keeper.greet({worker_protocol_version + 2, {}}));
  }
  auto last = keeper.refusals()->last();
  CAF_REQUIRE_EQUAL(last.size(), 2u);
  CAF_CHECK_EQUAL(last[0].times, 3u);
  CAF_CHECK(holds(last[0].reason, "version " + std::to_string(worker_protocol_version + 2)));
  CAF_CHECK(last[0].name.empty());
}

CAF_TEST(without papers everybody of this version comes in) {
  gatekeeper open(std::nullopt, time);
  auto x = open.greet({worker_protocol_version, ""});
  CAF_REQUIRE(x.has_value());
  CAF_CHECK(x->certificate.empty() && x->challenge.empty());
  mesh::knock k;
  k.role = "worker";
  k.name = "w";
  CAF_CHECK(open.admit(k, "worker").has_value());
}

CAF_TEST_FIXTURE_SCOPE_END()

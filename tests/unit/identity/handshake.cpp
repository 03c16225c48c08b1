#define CAF_SUITE identity.handshake

#include "identity/handshake.hpp"
#include "tests/support/unit_test.hpp"

using namespace troupe;
using namespace troupe::identity;

namespace {

const timestamp now = from_ms(1'800'000'000'000);

struct fixture {
  fixture() : ca(authority::create("home", now)) {
    CAF_REQUIRE(ca.has_value());
    worker = papers_of("b", "worker");
    coordinator = papers_of("anna", "coordinator");
  }
  node_papers papers_of(const std::string& name, const std::string& role) {
    auto x = ca->issue({name, {role}, {"10.0.0.1", "anna.example.org"}}, now);
    CAF_REQUIRE(x.has_value());
    return {"", ca->own().certificate, *x, *read_certificate(x->certificate)};
  }
  std::string said(const proof& x, side who, const std::string& challenge, const std::string& claim,
                   timestamp when = now) {
    auto facts = check_proof(x, who, challenge, claim, ca->own().certificate, when);
    return facts ? facts->name : facts.error().message;
  }
  result<authority> ca;
  node_papers worker;
  node_papers coordinator;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(identity_handshake, fixture)

CAF_TEST(a proof holds for its occasion and no other) {
  auto challenge = *new_challenge();
  auto other = *new_challenge();
  CAF_CHECK(challenge != other);
  CAF_CHECK_EQUAL(challenge.size(), 32u);
  auto x = *prove(worker, side::caller, challenge, "worker");
  CAF_CHECK_EQUAL(said(x, side::caller, challenge, "worker"), "b");
  const std::string not_its_own = "the peer has shown a certificate whose key it does not hold";
  CAF_CHECK_EQUAL(said(x, side::caller, other, "worker"), not_its_own);
  CAF_CHECK_EQUAL(said(x, side::caller, challenge, "admin"), not_its_own);
  CAF_CHECK_EQUAL(said(x, side::door, challenge, "worker"), not_its_own);
  CAF_CHECK_EQUAL(said({coordinator.own.certificate, x.signature}, side::caller, challenge, "worker"), not_its_own);
  CAF_CHECK_EQUAL(said({x.certificate, ""}, side::caller, challenge, "worker"), not_its_own);
  CAF_CHECK_EQUAL(said({"", ""}, side::caller, challenge, "worker"), "the certificate can't be read");
  CAF_CHECK(said(x, side::caller, challenge, "worker", now + std::chrono::hours{24 * 400}).find("expired")
            != std::string::npos);
  // Who was asked to sign nothing has shown nothing.
  auto empty = *prove(worker, side::caller, "", "worker");
  CAF_CHECK_EQUAL(said(empty, side::caller, "", "worker"), "the peer has been given nothing to sign");
}

CAF_TEST(parts can not be moved between challenge and claim) {
  auto challenge = *new_challenge();
  auto x = *prove(worker, side::caller, challenge + "wor", "ker");
  CAF_CHECK(said(x, side::caller, challenge, "worker") != "b");
}

CAF_TEST(a door is called by a name that its certificate has) {
  CAF_CHECK(check_host(coordinator.facts, "10.0.0.1").has_value());
  CAF_CHECK(check_host(coordinator.facts, "anna.example.org").has_value());
  auto refused = check_host(coordinator.facts, "10.0.0.9");
  CAF_REQUIRE(!refused.has_value());
  CAF_CHECK_EQUAL(refused.error().message,
                  "the certificate of 'anna' is for 10.0.0.1, anna.example.org, not for 10.0.0.9; call it by one of "
                  "those, or issue it with '--host 10.0.0.9'");
}

CAF_TEST_FIXTURE_SCOPE_END()

#define CAF_SUITE identity.certificate

#include "identity/authority.hpp"
#include "tests/support/unit_test.hpp"

#include <random>

using namespace troupe;
using namespace troupe::identity;

namespace {

const timestamp now = from_ms(1'800'000'000'000);
constexpr std::chrono::hours day{24};

authority new_authority(const std::string& cluster = "home") {
  auto made = authority::create(cluster, now);
  CAF_REQUIRE(made.has_value());
  return std::move(*made);
}

credentials issued(const authority& by, const certificate_order& order, timestamp when = now) {
  auto made = by.issue(order, when);
  if (!made)
    CAF_FAIL(made.error().message);
  return std::move(*made);
}

std::string refusal(const credentials& who, const authority& by, timestamp when = now) {
  auto checked = check_certificate(who.certificate, by.own().certificate, when);
  return checked ? "accepted" : std::string{to_string(checked.error().code)} + ": " + checked.error().message;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST(a certificate says what was ordered) {
  auto ca = new_authority();
  auto x = issued(ca, {"node-b", {"worker", "gateway"}, {"b.example.org", "10.0.0.7", "fd00::7"}, 30 * day});
  auto facts = check_certificate(x.certificate, ca.own().certificate, now);
  CAF_REQUIRE(facts.has_value());
  CAF_CHECK_EQUAL(facts->name, "node-b");
  CAF_CHECK((facts->roles == std::vector<std::string>{"worker", "gateway"}));
  CAF_CHECK((facts->hosts == std::vector<std::string>{"b.example.org", "10.0.0.7", "fd00::7"}));
  CAF_CHECK(facts->has_role("worker") && !facts->has_role("admin"));
  CAF_CHECK_EQUAL(to_ms(facts->not_after), to_ms(now + 30 * day));
  CAF_CHECK(!facts->is_authority);
  CAF_CHECK_EQUAL(facts->fingerprint.size(), 64u);
  auto own = read_certificate(ca.own().certificate);
  CAF_REQUIRE(own.has_value());
  CAF_CHECK(own->is_authority);
  CAF_CHECK_EQUAL(own->name, "home");
}

CAF_TEST(no two certificates are alike) {
  auto ca = new_authority();
  auto a = issued(ca, {"a", {"worker"}, {}});
  auto b = issued(ca, {"a", {"worker"}, {}});
  CAF_CHECK(a.key != b.key);
  CAF_CHECK(read_certificate(a.certificate)->serial != read_certificate(b.certificate)->serial);
}

CAF_TEST(who is refused and why) {
  auto ca = new_authority();
  auto x = issued(ca, {"b", {"worker"}, {}, 10 * day});
  CAF_CHECK_EQUAL(refusal(x, ca, now + 9 * day), "accepted");
  CAF_CHECK_EQUAL(refusal(x, ca, now - 12 * std::chrono::hours{1}), "accepted");
  CAF_CHECK(holds(refusal(x, ca, now + 11 * day), "forbidden: the certificate of 'b' has expired on "));
  CAF_CHECK(holds(refusal(x, ca, now + 11 * day), "troupe cert renew b"));
  CAF_CHECK(holds(refusal(x, ca, now - 3 * day), "is the clock of this machine right?"));
  // Of the same name, and with the same words in it.
  auto foreign = new_authority();
  CAF_CHECK(holds(refusal(issued(foreign, {"b", {"worker"}, {}}), ca), "not of this cluster's authority"));
  CAF_CHECK(holds(refusal(ca.own(), ca), "no node's"));
  CAF_CHECK(holds(refusal(foreign.own(), ca), "not of this cluster's authority"));
  // A node can't make nodes.
  CAF_CHECK(!authority::load(x).has_value());
  for (auto text : {"", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "no certificate at all"})
    CAF_CHECK(holds(refusal({text, ""}, ca), "forbidden: the certificate can't be read"));
}

CAF_TEST(a certificate says in time that it ends) {
  auto ca = new_authority();
  auto facts = *read_certificate(issued(ca, {"b", {"worker"}, {}, 365 * day}).certificate);
  CAF_CHECK_EQUAL(renewal_due(facts, now), "");
  CAF_CHECK_EQUAL(renewal_due(facts, now + 335 * day), "");
  CAF_CHECK(holds(renewal_due(facts, now + 335 * day + std::chrono::hours{1}), "'b' ends in 29 days"));
  CAF_CHECK(holds(renewal_due(facts, now + 340 * day), "troupe cert renew b"));
  CAF_CHECK(holds(renewal_due(facts, now + 364 * day), "ends in 1 day ("));
  CAF_CHECK(holds(renewal_due(facts, now + 365 * day), "has ended"));
}

CAF_TEST(a certificate that was changed anywhere is refused) {
  auto ca = new_authority();
  auto x = issued(ca, {"b", {"worker"}, {"b.example.org"}});
  std::mt19937_64 rng{5};
  for (int i = 0; i < 300; ++i) {
    auto bad = x;
    auto at = 28 + rng() % (bad.certificate.size() - 56);
    auto was = bad.certificate[at];
    bad.certificate[at] = static_cast<char>(was == 'A' ? 'B' : 'A');
    if (was == '\n')
      continue;
    if (refusal(bad, ca) == "accepted")
      CAF_FAIL("accepted with another character at " << at);
  }
}

CAF_TEST(only who holds the key can sign) {
  auto ca = new_authority();
  auto a = issued(ca, {"a", {"worker"}, {}});
  auto b = issued(ca, {"b", {"worker"}, {}});
  auto signature = sign(a.key, "challenge 1");
  CAF_REQUIRE(signature.has_value());
  CAF_CHECK(check_signature(a.certificate, "challenge 1", *signature).has_value());
  CAF_CHECK(!check_signature(b.certificate, "challenge 1", *signature).has_value());
  CAF_CHECK(!check_signature(a.certificate, "challenge 2", *signature).has_value());
  CAF_CHECK(!check_signature(a.certificate, "challenge 1", "").has_value());
  CAF_CHECK(!check_signature(a.certificate, "challenge 1", std::string(70, 'x')).has_value());
  CAF_CHECK(check_key(a.certificate, a.key).has_value());
  CAF_CHECK(!check_key(a.certificate, b.key).has_value());
  CAF_CHECK(!check_key(a.certificate, "").has_value());
  CAF_CHECK(!sign("", "x").has_value());
}

CAF_TEST(orders that are wrong are refused with what is) {
  auto ca = new_authority();
  auto said = [&](certificate_order order) {
    auto made = ca.issue(order, now);
    return made ? std::string{"issued"} : made.error().message;
  };
  CAF_CHECK_EQUAL(said({"a", {"worker"}, {}}), "issued");
  for (auto name : {"", "-a", ".a", "A", "a/b", "../a", "a b", "a\n", "ä"})
    CAF_CHECK(holds(said({name, {"worker"}, {}}), "can't be a node's name"));
  CAF_CHECK(holds(said({std::string(65, 'a'), {"worker"}, {}}), "can't be a node's name"));
  CAF_CHECK(holds(said({"a", {}, {}}), "needs a role"));
  CAF_CHECK(holds(said({"a", {"worker", "king"}, {}}), "'king' is no role"));
  // Words that would become further fields of the certificate.
  for (auto host : {"a,URI:urn:troupe:role:admin", "", "a b", "-a", "a..b", "a\nb", "a;b"})
    CAF_CHECK(holds(said({"a", {"worker"}, {host}}), "neither a host name nor an address"));
  CAF_CHECK(holds(said({"a", {"worker"}, {}, std::chrono::hours{0}}), "valid for an hour at least"));
  CAF_CHECK(holds(said({"a", {"worker"}, {}, 5000 * day}), "ten years at most"));
  CAF_CHECK(!authority::create("a/b", now).has_value());
}

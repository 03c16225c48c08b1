#define CAF_SUITE identity.ticket

#include "identity/ticket.hpp"

#include "identity/authority.hpp"
#include "tests/support/unit_test.hpp"

using namespace troupe;
using namespace troupe::identity;

namespace {

const timestamp now = from_ms(1'800'000'000'000);
constexpr milliseconds hour{3'600'000};

lease_token some_token() {
  auto token = lease_token::parse("01hf0000000000000000000001-2-7");
  CAF_REQUIRE(token.has_value());
  return *token;
}

ticket reading() {
  ticket x;
  x.root = "data";
  x.path = "renditions/ä b.mp4";
  x.node = "node-b";
  x.token = some_token();
  x.content = "10-20-30";
  x.size = 10;
  x.expires = now + hour;
  return x;
}

ticket writing(file_action action = file_action::write) {
  auto x = reading();
  x.action = action;
  x.content.clear();
  x.size = 0;
  x.most_bytes = 1 << 20;
  return x;
}

struct fixture {
  ticket_issuer issuer = [] {
    auto made = ticket_issuer::create();
    CAF_REQUIRE(made.has_value());
    return std::move(*made);
  }();

  std::string issued(const ticket& x) {
    auto text = issuer.issue(x);
    if (!text)
      CAF_FAIL(text.error().message);
    return *text;
  }
  std::string refusal(std::string_view text, timestamp when = now) {
    auto x = check_ticket(text, issuer.public_key(), when);
    if (x)
      return "accepted";
    CAF_CHECK(x.error().code == errc::forbidden);
    return x.error().message;
  }
};

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(ticket_tests, fixture)

CAF_TEST(what was issued is what is checked) {
  for (auto& x : {reading(), writing(), writing(file_action::write_folder)}) {
    auto text = issued(x);
    CAF_CHECK(text.size() < 600);
    CAF_CHECK(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
              == std::string::npos);
    auto read = check_ticket(text, issuer.public_key(), now);
    CAF_REQUIRE(read.has_value());
    CAF_CHECK(*read == x);
  }
}

CAF_TEST(it ends when it says) {
  auto text = issued(reading());
  CAF_CHECK_EQUAL(refusal(text, now + hour - milliseconds{1}), "accepted");
  CAF_CHECK(holds(refusal(text, now + hour), "has expired at 2027-01-15T09:00:00.000Z"));
}

CAF_TEST(no bit of it can be changed) {
  auto text = issued(writing());
  for (size_t i = 0; i < text.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      auto other = text;
      other[i] = static_cast<char>(other[i] ^ 1 << bit);
      if (refusal(other) == "accepted")
        CAF_FAIL("bit " << bit << " of byte " << i);
    }
  for (size_t i = 0; i < text.size(); ++i)
    CAF_CHECK_NOT_EQUAL(refusal(text.substr(0, i)), "accepted");
  for (auto* more : {"A", "=", ".", " ", "\n"})
    CAF_CHECK_NOT_EQUAL(refusal(text + more), "accepted");
  CAF_CHECK_NOT_EQUAL(refusal(std::string{"A"} + text), "accepted");
}

CAF_TEST(no part of one ticket goes with another) {
  auto change = [](auto f) {
    auto x = writing();
    f(x);
    return x;
  };
  auto token = some_token();
  ++token.attempt;
  auto original = issued(writing());
  auto signature = original.substr(original.find('.'));
  for (auto& x : {change([](ticket& t) { t.action = file_action::write_folder; }),
                  change([](ticket& t) { t.path = "renditions/c.mp4"; }),
                  change([](ticket& t) { t.root = "library:01hf0000000000000000000001"; }),
                  change([](ticket& t) { t.node = "node-c"; }), change([](ticket& t) { t.node.clear(); }),
                  change([&](ticket& t) { t.token = token; }), change([](ticket& t) { t.most_bytes *= 2; }),
                  change([](ticket& t) { t.expires += hour; }), change([](ticket& t) { t.content = "x"; }),
                  change([](ticket& t) { t.size = 1; })}) {
    auto text = issued(x);
    CAF_CHECK(holds(refusal(text.substr(0, text.find('.')) + signature), "has not signed the address"));
  }
}

CAF_TEST(another key does not open it) {
  auto text = issued(reading());
  auto other = ticket_issuer::create();
  CAF_REQUIRE(other.has_value());
  CAF_CHECK_NOT_EQUAL(other->public_key(), issuer.public_key());
  auto checked = check_ticket(text, other->public_key(), now);
  CAF_REQUIRE(!checked);
  CAF_CHECK(checked.error().code == errc::forbidden);
  for (auto key : {std::string{}, std::string{"-----BEGIN PUBLIC KEY-----\n"}, std::string(1 << 20, 'x')}) {
    auto unknown = check_ticket(text, key, now);
    CAF_REQUIRE(!unknown);
    CAF_CHECK(holds(unknown.error().message, "has not heard the coordinator's key"));
  }
  // A node's certificate is no key for tickets, whatever it signs.
  auto ca = authority::create("home", now);
  CAF_REQUIRE(ca.has_value());
  CAF_CHECK(!check_ticket(text, ca->own().certificate, now));
}

CAF_TEST(nonsense is refused) {
  CAF_CHECK(holds(refusal(""), "no signature"));
  CAF_CHECK(holds(refusal("."), "has not signed"));
  CAF_CHECK(holds(refusal(std::string(100'000'000, 'A')), "longer than any of ours"));
  CAF_CHECK(holds(refusal(std::string(2000, '.')), "has not signed"));
  CAF_CHECK(holds(refusal(std::string(200, '\0') + ".AA"), "has not signed"));
}

CAF_TEST(the longest paths that Linux opens have room) {
  std::string path;
  while (path.size() + 21 <= 4095)
    path += "папка ÿ 日本/";
  path += "x";
  for (auto& name : {path, std::string(4095, 'a')}) {
    auto x = reading();
    x.path = name;
    x.node = std::string(64, 'n');
    x.root = "library:01hf0000000000000000000001";
    auto back = check_ticket(issued(x), issuer.public_key(), now);
    CAF_REQUIRE(back.has_value());
    CAF_CHECK(*back == x);
  }
}

CAF_TEST(what nobody would accept is not issued) {
  auto refused = [&](auto f) {
    auto x = writing();
    f(x);
    auto text = issuer.issue(x);
    return text ? std::string{"issued"} : text.error().message;
  };
  for (auto* path : {"", "/etc/passwd", "..", "a/../b", "a//b", "./a", "a/.", "a/", "/"})
    CAF_CHECK(holds(refused([&](ticket& t) { t.path = path; }), "ticket's path"));
  CAF_CHECK(holds(refused([&](ticket& t) { t.path = std::string("a\0b", 3); }), "ticket's path"));
  CAF_CHECK(holds(refused([&](ticket& t) { t.path = "a\xff"; }), "not UTF-8"));
  CAF_CHECK(holds(refused([&](ticket& t) { t.path = std::string(7000, 'a'); }), "too long"));
  for (auto* root : {"", "etc", "library:", "library:../x", "data/"})
    CAF_CHECK(holds(refused([&](ticket& t) { t.root = root; }), "ticket's root"));
  CAF_CHECK(holds(refused([](ticket& t) { t.token = {}; }), "ticket's token"));
  CAF_CHECK(holds(refused([](ticket& t) { t.expires = {}; }), "ticket's expires"));
  CAF_CHECK(holds(refused([](ticket& t) { t.most_bytes = 0; }), "ticket's mostBytes"));
  CAF_CHECK(holds(refused([](ticket& t) { t.action = file_action::read; }), "ticket's content"));
  CAF_CHECK(holds(refused([](ticket& t) { t.action = static_cast<file_action>(9); }), "ticket's action"));
}

CAF_TEST(a ticket is read strictly) {
  auto text = encode(reading());
  CAF_CHECK(decode_file_ticket(text).has_value());
  auto with = [&](std::string_view from, std::string_view to) {
    auto out = text;
    out.replace(out.find(from), from.size(), to);
    return out;
  };
  for (auto& bad : {std::string{}, std::string{"{}"}, std::string{"[]"}, std::string{"null"}, text + " ", " " + text,
                    text + text, with("\"size\":10", "\"size\":-1"), with("\"size\":10", "\"size\":10.0"),
                    with("\"size\":10", "\"size\":\"10\""), with("\"size\":10", "\"size\":10,\"size\":11"),
                    with("\"size\":10,", ""), with("\"size\":10", "\"size\":10,\"more\":1"), with("read", "erase"),
                    with("renditions/", "../"), with("-2-7", "-2"), with("\"expires\":", "\"expires\":null,\"e\":")})
    CAF_CHECK(!decode_file_ticket(bad));
}

CAF_TEST_FIXTURE_SCOPE_END()

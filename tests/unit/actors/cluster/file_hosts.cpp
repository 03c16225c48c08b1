#define CAF_SUITE cluster.file_hosts

#include "actors/cluster/file_hosts.hpp"

#include "tests/support/seeds.hpp"

#include <caf/make_message.hpp>

#include <algorithm>
#include <set>

using namespace troupe;
using namespace troupe::cluster;

namespace {

const library_id films{{4, 4}};

node_details node(const std::string& name, const std::string& address, node_state state = node_state::active) {
  node_details out;
  out.rules.name = name;
  out.rules.state = state;
  out.workers = {worker_id{{1, 1}}};
  out.capabilities = {library_capability(films)};
  out.file_address = address;
  return out;
}

std::vector<std::string> names(const std::vector<file_host>& hosts) {
  std::vector<std::string> out;
  for (auto& x : hosts)
    out.push_back(x.node);
  return out;
}

using list = std::vector<std::string>;

} // namespace

CAF_TEST(addresses are read as they are written) {
  for (auto [host, port] : {std::pair{"ben.lan", 3003}, {"10.0.0.2", 1}, {"fd00::2", 65535}, {"::1", 80}}) {
    auto text = file_address(host, static_cast<uint16_t>(port));
    auto back = parse_file_address(text);
    CAF_REQUIRE(back.has_value());
    CAF_CHECK_EQUAL(back->first, host);
    CAF_CHECK_EQUAL(back->second, port);
  }
  CAF_CHECK_EQUAL(file_address("fd00::2", 3003), "[fd00::2]:3003");
  for (auto bad : {"",           ":",           "ben",         "ben:",         "ben:0",        "ben:65536",
                   "ben:-1",     "ben:+1",      "ben:80 ",     ":80",          "[]:80",        "[ben]:80",
                   "fd00::2:80", "[fd00::2]",   "[fd00::2:80", "ben/../x:80",  "user@ben:80",  "ben?:80",
                   "ben#x:80",   "ben\r\nx:80", "b n:80",      "ben:80/files", "http://ben:80"})
    CAF_CHECK(!parse_file_address(bad));
  CAF_CHECK(!parse_file_address(std::string(256, 'a') + ":80"));
}

CAF_TEST(who has the library and serves it) {
  auto away = node("away", "away:1");
  away.workers.clear();
  auto other = node("other", "other:1");
  other.capabilities = {library_capability(library_id{{4, 5}}), "data"};
  auto hosts = hosts_of({node("carl", "carl:1"), node("ben", "10.0.0.2:7"), node("silent", ""), node("liar", "x y:1"),
                         away, other, node("drained", "d:1", node_state::draining),
                         node("bad", "b:1", node_state::quarantined), node("me", "me:1")},
                        films, "me");
  CAF_CHECK(names(hosts.preferred) == (list{"ben", "carl"}));
  CAF_CHECK(names(hosts.others) == (list{"bad", "drained"}));
  CAF_CHECK(hosts.preferred.front() == (file_host{"ben", "10.0.0.2", 7}));
  // Without certificates names may be anybody's.
  CAF_CHECK(names(hosts_of({node("me", "me:1")}, films, "").preferred) == list{"me"});
  CAF_CHECK(hosts_of({}, films, "").empty());
}

CAF_TEST(who asks again gets the next one) {
  file_host_turns turns;
  mono_time now{};
  auto hosts = hosts_of({node("a", "a:1"), node("b", "b:1"), node("c", "c:1", node_state::draining)}, films, "");
  std::vector<std::string> got;
  for (int i = 0; i < 4; ++i)
    got.push_back(turns.next(hosts, "ben film", now)->node);
  CAF_CHECK(got == (list{"a", "b", "c", "a"}));
  CAF_CHECK(!turns.next({}, "ben film", now));
  // The one that served last has gone: begun anew, with one that works.
  auto rest = hosts_of({node("b", "b:1"), node("c", "c:1", node_state::draining)}, films, "");
  CAF_CHECK_EQUAL(turns.next(rest, "ben film", now)->node, "b");
  auto drained = hosts_of({node("c", "c:1", node_state::draining)}, films, "");
  CAF_CHECK_EQUAL(turns.next(drained, "carl film", now)->node, "c");
  // Whoever comes back after a while was served: it is spread like all others, over those that are preferred.
  for (int i = 0; i < 6; ++i) {
    now += std::chrono::minutes{1};
    CAF_CHECK(turns.next(hosts, "ben film", now)->node != "c");
  }
}

CAF_TEST(those who ask are spread and nobody gets the same one twice in a row) {
  test::for_seeds(200, [](uint64_t seed) {
    std::mt19937_64 random{seed};
    file_host_turns turns;
    std::vector<node_details> nodes;
    const auto count = 2 + random() % 5;
    for (uint64_t i = 0; i < count; ++i)
      nodes.push_back(node("n" + std::to_string(i), "n:1"));
    auto hosts = hosts_of(nodes, films, "");
    std::map<std::string, std::string> last;
    std::map<std::string, int> first_of;
    for (int i = 0; i < 400; ++i) {
      auto question = "asker " + std::to_string(random() % 100);
      auto got = turns.next(hosts, question, {})->node;
      if (last[question] == got)
        CAF_FAIL("seed " << seed << ": " << question << " got " << got << " twice");
      if (last[question].empty())
        ++first_of[got];
      last[question] = got;
    }
    auto [low, high] =
      std::minmax_element(first_of.begin(), first_of.end(), [](auto& a, auto& b) { return a.second < b.second; });
    if (first_of.size() != count || high->second - low->second > 1)
      CAF_FAIL("seed " << seed << ": not spread");
  });
}

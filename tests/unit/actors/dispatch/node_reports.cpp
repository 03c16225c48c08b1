#define CAF_SUITE dispatch.node_reports

#include "actors/dispatch/node_reports.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <random>

using namespace troupe;
using namespace troupe::dispatch;

namespace {

using names = std::set<std::string>;

worker_id id(uint64_t n) {
  return worker_id{{1, n}};
}

worker_hello hello(uint64_t n, std::string node, std::vector<node_link> links = {}) {
  worker_hello x;
  x.id = id(n);
  x.node_name = std::move(node);
  x.roles = {"worker", "coordinator"};
  x.figures.links = std::move(links);
  return x;
}

bool nobody(worker_id) {
  return false;
}

node_details details(const node_reports& uut, const std::string& name, std::vector<worker_id> here) {
  node_details x;
  x.rules.name = name;
  x.workers = std::move(here);
  uut.add_to(x);
  return x;
}

} // namespace

CAF_TEST(a transfer is shown at both ends) {
  node_reports uut;
  CAF_CHECK(uut.said(hello(1, "anna"), nobody).empty());
  auto changed = uut.said("anna", id(1), {{}, {{"ben", 100, 7}, {"gina", 5, 0}}});
  CAF_CHECK((changed == names{"anna", "ben", "gina"}));
  // What ben serves itself is another transfer.
  uut.said(hello(2, "ben", {{"anna", 30, 0}}), nobody);
  CAF_CHECK((details(uut, "anna", {id(1)}).links == std::vector<node_link>{{"ben", 100, 37}, {"gina", 5, 0}}));
  CAF_CHECK((details(uut, "ben", {id(2)}).links == std::vector<node_link>{{"anna", 37, 100}}));
  CAF_CHECK((details(uut, "gina", {}).links == std::vector<node_link>{{"anna", 0, 5}}));
}

CAF_TEST(the same figures again change nothing) {
  node_reports uut;
  node_figures x{{{"cache", 10, 5}}, {{"ben", 100, 7}, {"gina", 5, 0}}};
  uut.said(hello(1, "anna"), nobody);
  uut.said("anna", id(1), x);
  CAF_CHECK(uut.said("anna", id(1), x).empty());
  // Nor does the room on a disk, which moves all the time.
  x.disks[0].free = 4;
  CAF_CHECK(uut.said("anna", id(1), x).empty());
  x.links[1].sent = 6;
  CAF_CHECK((uut.said("anna", id(1), x) == names{"anna", "gina"}));
}

CAF_TEST(a node that began anew counts anew) {
  node_reports uut;
  uut.said(hello(1, "anna", {{"ben", 100, 7}}), nobody);
  CAF_CHECK((uut.said(hello(2, "anna"), nobody) == names{"anna", "ben"}));
  CAF_CHECK(details(uut, "ben", {}).links.empty());
  uut.said("anna", id(2), {{}, {{"ben", 1, 0}}});
  CAF_CHECK((details(uut, "anna", {id(2)}).links == std::vector<node_link>{{"ben", 1, 0}}));
  // Two processes of a node at a time: both count.
  uut.said(hello(3, "anna", {{"ben", 10, 0}}), [](worker_id x) { return x == id(2); });
  CAF_CHECK((details(uut, "anna", {id(2), id(3)}).links == std::vector<node_link>{{"ben", 11, 0}}));
}

CAF_TEST(roles and disks of a node) {
  node_reports uut;
  auto x = hello(1, "anna");
  x.figures.disks = {{"data", 100, 50}};
  uut.said(x, nobody);
  uut.said("anna", id(1), {{{"data", 100, 40}, {"cache", 10, 1}}, {}});
  auto here = details(uut, "anna", {id(1)});
  CAF_CHECK((here.roles == std::vector<std::string>{"coordinator", "worker"}));
  CAF_CHECK((here.disks == std::vector<disk_space>{{"data", 100, 40}, {"cache", 10, 1}}));
  // Away: what it was, but nobody knows how full its disks are.
  auto away = details(uut, "anna", {});
  CAF_CHECK(away.roles.size() == 2 && away.disks.empty());
  uut.keep_only({"ben"});
  CAF_CHECK(details(uut, "anna", {}).roles.empty());
}

CAF_TEST(who leaves for good takes its figures with it and its peers keep theirs) {
  node_reports uut;
  uut.said(hello(1, "anna", {{"ben", 100, 7}}), nobody);
  uut.said(hello(2, "ben", {{"anna", 1, 1}}), nobody);
  uut.keep_only({"ben"});
  CAF_CHECK((details(uut, "ben", {id(2)}).links == std::vector<node_link>{{"anna", 1, 1}}));
}

CAF_TEST(what makes no sense is not believed) {
  node_reports uut;
  uut.said(hello(1, "anna"), nobody);
  uut.said("anna", id(1),
           {{}, {{"", 1, 1}, {"anna", 1, 1}, {std::string(10'000, 'n'), 1, 1}, {"ben", 1, 0}, {"ben", 5, 0}}});
  CAF_CHECK((details(uut, "anna", {id(1)}).links == std::vector<node_link>{{"ben", 1, 0}}));
  auto x = hello(1, "anna");
  x.roles.assign(100'000, "worker");
  x.figures.disks.assign(100'000, {"cache", 1, 1});
  uut.said(x, nobody);
  CAF_CHECK(details(uut, "anna", {id(1)}).disks.size() == 1 && details(uut, "anna", {id(1)}).roles.size() == 1);
}

CAF_TEST(both ends of a link agree whatever is told in whatever order) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 rng{seed};
    node_reports uut;
    const std::vector<std::string> all{"a", "b", "c", "d"};
    std::map<std::string, std::vector<node_link>> truth;
    uint64_t process = 0;
    std::map<std::string, uint64_t> of;
    for (int i = 0; i < 100; ++i) {
      auto& node = all[rng() % all.size()];
      std::vector<node_link> links;
      for (auto& peer : all)
        if (peer != node && rng() % 2 == 0)
          links.push_back({peer, rng(), rng() % 1'000});
      if (!of.contains(node) || rng() % 5 == 0)
        uut.said(hello(of[node] = ++process, node, links), nobody);
      else
        uut.said(node, id(of[node]), {{}, links});
      truth[node] = links;
      std::map<std::pair<std::string, std::string>, node_link> wanted;
      for (auto& [server, theirs] : truth)
        for (auto& x : theirs) {
          auto& one = wanted[{server, x.peer}];
          one.sent += x.sent;
          one.received += x.received;
          auto& other = wanted[{x.peer, server}];
          other.sent += x.received;
          other.received += x.sent;
        }
      for (auto& name : all)
        for (auto& link : details(uut, name, {}).links) {
          auto x = wanted.extract({name, link.peer});
          if (x.empty() || x.mapped().sent != link.sent || x.mapped().received != link.received)
            CAF_FAIL("seed " << seed << ": " << name << " and " << link.peer);
        }
      for (auto& [ends, x] : wanted)
        if (x.sent != 0 || x.received != 0)
          CAF_FAIL("seed " << seed << ": " << ends.first << " and " << ends.second << " are not shown");
    }
  }
}

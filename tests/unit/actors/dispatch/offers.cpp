#define CAF_SUITE dispatch.offers

#include "tests/support/seeds.hpp"
#include "tests/unit/actors/dispatch/world.hpp"

#include <algorithm>

using namespace troupe;
using namespace troupe::dispatch;
using troupe::dispatch::test::virtual_clock;

namespace {

const worker_id alice{{1, 1}};
const worker_id ben{{1, 2}};

struct fixture {
  fixture() : queue({}, clock, [this] { return rng(); }) {
    queue.recover(7, {});
  }

  void join(worker_id id, std::vector<std::string> capabilities = {}, uint32_t slots = 4, std::string node = "nas") {
    queue.join(
      {worker_protocol_version, id, std::move(node), {"noop"}, {{"default", slots}}, std::move(capabilities), {}});
  }
  std::vector<std::string> why(job_id id) {
    queue.assign();
    return queue.explain(id)->reasons;
  }
  job_id submit(std::vector<std::string> needs) {
    job_spec s;
    s.kind = "noop";
    s.needs = std::move(needs);
    auto r = queue.submit({s});
    CAF_REQUIRE(r.has_value());
    return r->front().id;
  }
  job_state state(job_id id) {
    queue.assign();
    return queue.find(id)->state;
  }

  virtual_clock clock;
  std::mt19937_64 rng{1};
  job_queue queue;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(offers, fixture)

CAF_TEST(a library that is mounted later gets its jobs and one that is gone gets no more) {
  join(alice);
  auto first = submit({"library:a"});
  CAF_CHECK_EQUAL(state(first), job_state::queued);
  queue.set_capabilities(alice, {"library:b", "library:a", "library:a"}, {"library c is empty"});
  CAF_CHECK_EQUAL(state(first), job_state::running);
  auto info = queue.workers().front();
  CAF_CHECK(info.capabilities == (std::vector<std::string>{"library:a", "library:b"}));
  CAF_CHECK(info.problems == std::vector<std::string>{"library c is empty"});
  queue.set_capabilities(alice, {"library:b"});
  // What runs goes on.
  CAF_CHECK_EQUAL(state(first), job_state::running);
  auto second = submit({"library:a"});
  CAF_CHECK_EQUAL(state(second), job_state::queued);
  CAF_CHECK_EQUAL(state(submit({"library:b"})), job_state::running);
  auto why = queue.explain(second);
  CAF_REQUIRE(why.has_value());
  CAF_CHECK(why->reasons.front().find("library:a") != std::string::npos);
  CAF_CHECK(queue.workers().front().problems.empty());
  join(ben, {"library:a"});
  CAF_CHECK_EQUAL(state(second), job_state::running);
}

CAF_TEST(a worker that takes no work says why to who waits) {
  join(alice);
  queue.set_credit(alice, {{"default", 0}});
  queue.set_capabilities(alice, {}, {"node nas: the data folder is gone"});
  auto id = submit({});
  CAF_CHECK_EQUAL(state(id), job_state::queued);
  CAF_CHECK_EQUAL(queue.explain(id)->reasons.front(),
                  "no worker that can run it takes jobs of queue default; node nas: the data folder is gone");
  queue.set_credit(alice, {{"default", 4}});
  CAF_CHECK_EQUAL(state(id), job_state::running);
}

CAF_TEST(a housekeeper does what is its own and is no worker for anybody else) {
  worker_hello hello{worker_protocol_version, alice, "nas", {"scheduled_cleanup"}, {{"default", 1}}, {}, {}};
  hello.embedded = true;
  queue.join(hello);
  job_spec s;
  s.kind = "scheduled_cleanup";
  auto cleanup = queue.submit({s})->front().id;
  auto other = submit({});
  CAF_CHECK_EQUAL(state(cleanup), job_state::running);
  CAF_CHECK_EQUAL(queue.find(cleanup)->worker_name, "nas");
  CAF_CHECK_EQUAL(state(other), job_state::queued);
  CAF_CHECK_EQUAL(queue.explain(other)->reasons.front(), "no worker is connected");
  CAF_CHECK(queue.workers().empty());
  // One at a time.
  auto next = queue.submit({s})->front().id;
  CAF_CHECK_EQUAL(state(next), job_state::queued);
  CAF_CHECK(queue.explain(next)->reasons.front().starts_with("all 1 slots"));
  // With a worker beside it on the same node each does its own.
  join(ben);
  CAF_CHECK_EQUAL(state(other), job_state::running);
  CAF_CHECK_EQUAL(queue.workers().size(), 1u);
  CAF_CHECK(queue.workers().front().id == ben);
}

CAF_TEST(explain quotes what is wrong on a node that could run it otherwise) {
  const std::string films = "library x \"films\" (/srv/films): /mnt/films is empty, but 3 files of it are known";
  const std::string series = "library y \"x\" (/srv/x): this node has no such folder";
  join(alice, {}, 4, "anna");
  join(ben, {}, 4, "ben");
  auto id = submit({"library:x"});
  CAF_CHECK_EQUAL(why(id).size(), 1u);
  // Of another library, if it is called as this one's id, nothing is said.
  queue.set_capabilities(ben, {}, {"clock: an hour off", series});
  CAF_CHECK_EQUAL(why(id).size(), 1u);
  queue.set_capabilities(ben, {}, {"clock: an hour off", series, films});
  auto reasons = why(id);
  CAF_REQUIRE_EQUAL(reasons.size(), 2u);
  CAF_CHECK(reasons[0].find("lacks library:x") != std::string::npos);
  CAF_CHECK_EQUAL(reasons[1], "node ben could run it but for this: " + films);
  // Also where others can, but are full.
  join(alice, {"library:x"}, 1, "anna");
  CAF_CHECK_EQUAL(state(id), job_state::running);
  auto second = submit({"library:x"});
  reasons = why(second);
  CAF_REQUIRE_EQUAL(reasons.size(), 2u);
  CAF_CHECK(reasons[0].find("all 1 slots") == 0);
  CAF_CHECK_EQUAL(reasons[1], "node ben could run it but for this: " + films);
  // Nothing that would not help: no slot, a node out of service, another need that is not met.
  auto third = submit({"library:x", "encoder:libx265"});
  CAF_CHECK_EQUAL(why(third).size(), 1u);
  queue.set_credit(ben, {{"default", 0}});
  CAF_CHECK_EQUAL(why(second).size(), 1u);
  queue.set_credit(ben, {{"default", 4}});
  CAF_CHECK_EQUAL(why(second).size(), 2u);
  node_rules drained;
  drained.name = "ben";
  drained.state = node_state::draining;
  CAF_REQUIRE(queue.set_node(drained).has_value());
  CAF_CHECK_EQUAL(why(second).size(), 1u);
}

CAF_TEST(of many problems explain quotes those that name what is needed and a few of the others) {
  join(alice, {}, 4, "anna");
  queue.set_capabilities(alice, {},
                         {"encoder libx264 is slow", "encoder libx265 has no licence", "library \"a\" hangs"});
  auto id = submit({"encoder:libx265"});
  auto reasons = why(id);
  CAF_REQUIRE_EQUAL(reasons.size(), 2u);
  CAF_CHECK_EQUAL(reasons[1], "node anna could run it but for this: encoder libx265 has no licence");
  for (uint64_t n = 10; n < 20; ++n) {
    join(worker_id{{1, n}}, {}, 4, "node-" + std::to_string(n));
    queue.set_capabilities(worker_id{{1, n}}, {}, {"encoder libx265 is not built in"});
  }
  reasons = why(id);
  CAF_REQUIRE_EQUAL(reasons.size(), 5u);
  CAF_CHECK(reasons[4].find("have 8 more problems") != std::string::npos);
  // Names without a sort, or nothing but one, and texts that are shorter than it.
  queue.set_capabilities(alice, {}, {"", "g", "gpu", "gpu is too hot"});
  reasons = why(submit({"gpu"}));
  CAF_REQUIRE_EQUAL(reasons.size(), 2u);
  CAF_CHECK_EQUAL(reasons[1], "node anna could run it but for this: gpu is too hot");
  CAF_CHECK_EQUAL(why(submit({"gpu:"})).size(), 2u);
}

CAF_TEST(nobody that is not there offers anything) {
  queue.set_capabilities(alice, {"library:a"});
  CAF_CHECK(queue.workers().empty());
  join(alice);
  queue.unreachable(alice);
  queue.set_capabilities(alice, {"library:a"});
  CAF_CHECK_EQUAL(state(submit({"library:a"})), job_state::queued);
}

CAF_TEST(whatever is offered in whatever order jobs run exactly where they can) {
  troupe::test::for_seeds(200, [](uint64_t seed) {
    fixture f;
    f.rng.seed(seed);
    std::map<worker_id, std::set<std::string>> offered;
    for (uint64_t n = 1; n <= 3; ++n) {
      f.join(worker_id{{1, n}}, {}, 1000);
      offered[worker_id{{1, n}}] = {};
    }
    auto some = [&] {
      std::vector<std::string> out;
      for (auto name : {"library:a", "library:b", "library:c"})
        if (f.rng() % 2)
          out.emplace_back(name);
      return out;
    };
    std::set<job_id> waiting;
    for (int step = 0; step < 60; ++step) {
      if (f.rng() % 2) {
        waiting.insert(f.submit(some()));
      } else {
        auto w = worker_id{{1, 1 + f.rng() % 3}};
        auto names = some();
        offered[w] = {names.begin(), names.end()};
        f.queue.set_capabilities(w, names);
      }
      f.queue.assign();
      std::erase_if(waiting, [&](job_id id) {
        auto& row = *f.queue.find(id);
        auto covers = [&](auto& one) {
          return std::ranges::all_of(row.spec.needs, [&](auto& need) { return one.second.contains(need); });
        };
        bool possible = std::ranges::any_of(offered, covers);
        CAF_REQUIRE_EQUAL(row.state == job_state::running, possible);
        return possible;
      });
    }
  });
}

CAF_TEST(explain of a running job tells what it waits for) {
  join(alice);
  auto id = submit({});
  CAF_CHECK_EQUAL(state(id), job_state::running);
  CAF_CHECK_EQUAL(queue.explain(id)->reasons.size(), 1u);
  auto token = queue.find(id)->token();
  CAF_REQUIRE(queue.progress(alice, {token, {0.5, "encode", "waiting for the file server of node anna: silent", {}}}));
  auto reasons = queue.explain(id)->reasons;
  CAF_REQUIRE_EQUAL(reasons.size(), 2u);
  CAF_CHECK_EQUAL(reasons[1], "it says: waiting for the file server of node anna: silent");
}

CAF_TEST_FIXTURE_SCOPE_END()

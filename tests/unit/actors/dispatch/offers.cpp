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

  void join(worker_id id, std::vector<std::string> capabilities = {}, uint32_t slots = 4) {
    queue.join({worker_protocol_version, id, "nas", {"noop"}, {{"default", slots}}, std::move(capabilities), {}});
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

CAF_TEST_FIXTURE_SCOPE_END()

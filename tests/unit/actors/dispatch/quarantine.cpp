#define CAF_SUITE dispatch.quarantine

#include "tests/unit/actors/dispatch/placing.hpp"

using namespace troupe;
using namespace troupe::dispatch;

namespace {

struct fixture : troupe::dispatch::test::placing_fixture {
  /// A job that `bad` fails and `good` then does; both are otherwise idle.
  void make_good(uint64_t bad, uint64_t good, const std::string& kind = "noop") {
    set(good, [](auto& r) { r.state = node_state::draining; });
    job_spec what;
    what.kind = kind;
    auto id = submit(what);
    CAF_REQUIRE_EQUAL(placed(id), bad);
    fail(id);
    set(good, [](auto& r) { r.state = node_state::active; });
    pass(3'000);
    CAF_REQUIRE_EQUAL(placed(id), good);
    end(id);
    queue->take();
  }
  /// A job that only node-1 may do, and does.
  void do_on_1(const std::string& kind) {
    job_spec what;
    what.kind = kind;
    what.needs = {node_capability("node-1")};
    auto id = submit(what);
    CAF_REQUIRE_EQUAL(placed(id), 1u);
    end(id);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(quarantine, fixture)

CAF_TEST(a node that fails what another does is quarantined with evidence and probed back in) {
  join(1);
  join(2);
  for (int i = 0; i < 3; ++i)
    make_good(1, 2);
  auto bad = node(1);
  CAF_REQUIRE(bad.rules.state == node_state::quarantined);
  CAF_CHECK(bad.rules.by_score && !bad.open);
  CAF_REQUIRE_EQUAL(bad.evidence.size(), 3u);
  CAF_CHECK_EQUAL(bad.evidence[0].done_by, "node-2");
  CAF_CHECK_EQUAL(bad.evidence[0].error, "the disk said no");
  CAF_CHECK(node(2).rules.state == node_state::active);
  // All goes to the other one meanwhile, even when it is full.
  std::vector<job_id> ids;
  for (int i = 0; i < 6; ++i)
    ids.push_back(submit());
  queue->assign();
  for (auto id : ids)
    CAF_CHECK(runs_on(id) != 1);
  // One at a time, first after a minute; a failure doubles that.
  pass(60'000);
  queue->assign();
  auto on_1 = [&] { return std::count_if(ids.begin(), ids.end(), [&](auto id) { return runs_on(id) == 1; }); };
  CAF_CHECK_EQUAL(on_1(), 1);
  for (auto id : ids)
    if (runs_on(id) == 1)
      fail(id);
  pass(100'000);
  queue->assign();
  CAF_CHECK_EQUAL(on_1(), 0);
  pass(30'000);
  for (int i = 0; i < 2; ++i) {
    auto id = submit();
    ids.push_back(id);
    queue->assign();
    CAF_CHECK_EQUAL(on_1(), 1);
    for (auto x : ids)
      if (runs_on(x) == 1)
        end(x);
  }
  CAF_CHECK(node(1).rules.state == node_state::active);
  CAF_CHECK_EQUAL(node(1).score, 0.0);
}

CAF_TEST(a node whose executors crash is quarantined however much it does without them) {
  join(1);
  join(2);
  for (auto kind : {"hls", "storyboard", "transcode"}) {
    CAF_REQUIRE(node(1).rules.state == node_state::active);
    for (int i = 0; i < 50; ++i)
      do_on_1("noop");
    make_good(1, 2, kind);
  }
  CAF_REQUIRE(node(1).rules.state == node_state::quarantined);
  // Nor do jobs without them bring it back, and they keep no job with one from probing it.
  pass(60'000);
  for (int i = 0; i < 5; ++i)
    do_on_1("noop");
  CAF_CHECK(node(1).rules.state == node_state::quarantined);
  do_on_1("hls");
  do_on_1("noop");
  CAF_CHECK(node(1).rules.state == node_state::quarantined);
  do_on_1("storyboard");
  CAF_CHECK(node(1).rules.state == node_state::active);
}

CAF_TEST(what executors do shows nothing of what failed without them) {
  join(1);
  join(2);
  for (int i = 0; i < 3; ++i)
    make_good(1, 2, "noop");
  CAF_REQUIRE(node(1).rules.state == node_state::quarantined);
  pass(60'000);
  for (int i = 0; i < 3; ++i)
    do_on_1("hls");
  CAF_CHECK(node(1).rules.state == node_state::quarantined);
  do_on_1("noop");
  do_on_1("noop");
  CAF_CHECK(node(1).rules.state == node_state::active);
}

CAF_TEST(what an executor does excuses what executors failed) {
  join(1);
  join(2);
  make_good(1, 2, "hls");
  make_good(1, 2, "noop");
  auto before = node(1).score;
  CAF_CHECK(before > 1.8);
  do_on_1("storyboard");
  CAF_CHECK(node(1).score < before * 0.901);
}

CAF_TEST(a node that no longer has executors is probed with what it has) {
  join(1);
  join(2);
  for (int i = 0; i < 3; ++i)
    make_good(1, 2, "hls");
  CAF_REQUIRE(node(1).rules.state == node_state::quarantined);
  hellos[1].kinds = {"noop"};
  queue->join(hellos[1]);
  pass(60'000);
  do_on_1("noop");
  CAF_CHECK(node(1).rules.state == node_state::quarantined);
  do_on_1("noop");
  CAF_CHECK(node(1).rules.state == node_state::active);
}

CAF_TEST(a job that fails everywhere is no evidence and the last node of a kind is spared) {
  join(1);
  join(2);
  for (int i = 0; i < 10; ++i) {
    auto id = submit();
    for (int attempt = 0; attempt < 3; ++attempt) {
      CAF_REQUIRE(placed(id) != 0);
      fail(id);
      pass(9'000);
    }
  }
  CAF_CHECK_EQUAL(node(1).score, 0.0);
  CAF_CHECK_EQUAL(node(2).score, 0.0);
  // Now only node-1 runs downloads.
  hellos[1].kinds.push_back("download");
  queue->join(hellos[1]);
  for (int i = 0; i < 4; ++i)
    make_good(1, 2);
  CAF_CHECK(node(1).rules.state == node_state::active);
  CAF_CHECK(node(1).rules.reason.find("no other node runs jobs of kind download") != std::string::npos);
  CAF_CHECK_EQUAL(node(1).rules.evidence.size(), 4u);
}

CAF_TEST(a quarantined node is taken back when nobody else is left) {
  join(1);
  join(2);
  for (int i = 0; i < 3; ++i)
    make_good(1, 2);
  CAF_REQUIRE(node(1).rules.state == node_state::quarantined);
  queue->leave(hellos[2].id);
  hellos.erase(2);
  CAF_CHECK(node(1).rules.state == node_state::active);
  CAF_CHECK_EQUAL(placed(submit()), 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()

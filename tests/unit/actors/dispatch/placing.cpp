#define CAF_SUITE dispatch.placing

#include "tests/unit/actors/dispatch/placing.hpp"
#include "protocol/model/encoders.hpp"
#include "protocol/model/software.hpp"

#include <caf/make_message.hpp>

using namespace troupe;
using namespace troupe::dispatch;

namespace {

job_spec costly(uint32_t cores) {
  job_spec s;
  s.cost.cores = cores;
  return s;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(placing, troupe::dispatch::test::placing_fixture)

CAF_TEST(a job starts only where there are tokens for it and explain says how many) {
  join(1, 4, {3'000, 0, 0});
  auto first = submit(costly(2'000));
  auto second = submit(costly(2'000));
  auto third = submit(costly(1'000));
  queue->assign();
  CAF_CHECK_EQUAL(runs_on(first), 1u);
  CAF_CHECK_EQUAL(runs_on(second), 0u);
  CAF_CHECK_EQUAL(runs_on(third), 1u);
  CAF_CHECK(says(second, "2 cores, of which 0 of 3 are free"));
  end(first);
  CAF_CHECK_EQUAL(placed(second), 1u);
  auto info = queue->workers().front();
  CAF_CHECK_EQUAL(info.in_use.cores, 3'000u);
  CAF_CHECK_EQUAL(info.tokens.cores, 3'000u);
}

CAF_TEST(what costs more than any worker has runs alone) {
  join(1, 4, {3'000, 0, 0});
  auto small = submit(costly(1'000));
  CAF_CHECK_EQUAL(placed(small), 1u);
  auto huge = submit(costly(64'000));
  CAF_CHECK_EQUAL(placed(huge), 0u);
  end(small);
  CAF_CHECK_EQUAL(placed(huge), 1u);
  CAF_CHECK_EQUAL(placed(submit(costly(1'000))), 0u);
}

CAF_TEST(small work does not keep large work waiting for ever) {
  join(1, 4, {4'000, 0, 0});
  std::deque<job_id> small;
  for (int i = 0; i < 4; ++i)
    small.push_back(submit(costly(1'000)));
  queue->assign();
  auto large = submit(costly(4'000));
  int steps = 0;
  for (; runs_on(large) == 0 && steps < 100; ++steps) {
    // Always more than enough of it, and never an idle worker.
    small.push_back(submit(costly(1'000)));
    if (runs_on(small.front()) != 0) {
      end(small.front());
      small.pop_front();
    }
    pass(1'000);
    queue->assign();
    queue->take();
  }
  CAF_CHECK_LESS(steps, 30);
}

CAF_TEST(preferred workers come first and hold nothing up for long) {
  join(1, 1);
  join(2, 1, {}, {"library:x"});
  job_spec s;
  s.prefers = {"library:x"};
  auto first = submit(s);
  CAF_CHECK_EQUAL(placed(first), 2u);
  auto second = submit(s);
  CAF_CHECK_EQUAL(placed(second), 0u);
  CAF_CHECK(says(second, "waits for a worker that offers what it prefers"));
  // Others are not held up by it.
  auto plain = submit();
  CAF_CHECK_EQUAL(placed(plain), 1u);
  end(plain);
  pass(5'000);
  CAF_CHECK_EQUAL(placed(second), 1u);
  end(first);
  end(second);
  // It is better, not needed: without the worker there is nothing to wait for.
  queue->leave(hellos[2].id);
  hellos.erase(2);
  CAF_CHECK_EQUAL(placed(submit(s)), 1u);
}

CAF_TEST(no node is kept idle for a preferred one while no speed is known) {
  join(1, 1);
  join(2, 1, {}, {"library:x"});
  job_spec s;
  s.kind = "transcode";
  s.work = 10;
  s.prefers = {"library:x"};
  auto first = submit(s), second = submit(s);
  CAF_CHECK_EQUAL(placed(first), 2u);
  CAF_CHECK_EQUAL(runs_on(second), 0u);
  pass(500);
  CAF_CHECK_EQUAL(placed(second), 1u);
}

CAF_TEST(a preferred worker that becomes free in time gets it) {
  join(1, 1);
  join(2, 1, {}, {"library:x"});
  job_spec s;
  s.prefers = {"library:x"};
  auto first = submit(s);
  CAF_CHECK_EQUAL(placed(first), 2u);
  auto second = submit(s);
  CAF_CHECK_EQUAL(placed(second), 0u);
  pass(400);
  CAF_CHECK_EQUAL(placed(second), 0u);
  end(first);
  CAF_CHECK_EQUAL(placed(second), 2u);
}

CAF_TEST(a retry waits for another node but not for ever) {
  join(1, 1);
  join(2, 1);
  auto blocker = submit();
  CAF_CHECK_EQUAL(placed(blocker), 1u);
  auto id = submit();
  CAF_CHECK_EQUAL(placed(id), 2u);
  fail(id);
  pass(3'000);
  CAF_CHECK_EQUAL(placed(id), 0u);
  CAF_CHECK(says(id, "it failed on node-2 and waits for another node"));
  // Others go there meanwhile.
  auto other = submit();
  CAF_CHECK_EQUAL(placed(other), 2u);
  end(other);
  end(blocker);
  CAF_CHECK_EQUAL(placed(id), 1u);
  fail(id);
  pass(6'000);
  // It failed on both: anywhere.
  CAF_CHECK(placed(id) != 0u);
}

CAF_TEST(a retry goes to the same node after its wait or when there is no other) {
  join(1, 1);
  join(2, 1);
  auto blocker = submit();
  CAF_CHECK_EQUAL(placed(blocker), 1u);
  auto id = submit();
  placed(id);
  fail(id);
  pass(3'000);
  CAF_CHECK_EQUAL(placed(id), 0u);
  pass(30'000);
  CAF_CHECK_EQUAL(placed(id), 2u);
  fail(id);
  end(blocker);
  queue->leave(hellos[1].id);
  hellos.erase(1);
  pass(6'000);
  CAF_CHECK_EQUAL(placed(id), 2u);
}

CAF_TEST(no retry stays aside while another node is free for it) {
  for (uint64_t n : {1, 2, 3})
    join(n, 1);
  auto start_on = [&](job_id id, uint64_t node) {
    for (uint64_t n : {1, 2, 3})
      set(n, [&](auto& r) { r.state = n == node ? node_state::active : node_state::draining; });
    CAF_REQUIRE_EQUAL(placed(id), node);
    for (uint64_t n : {1, 2, 3})
      set(n, [](auto& r) { r.state = node_state::active; });
  };
  job_spec first, second;
  first.id = job_id{{1, 1}};
  second.id = job_id{{1, 2}};
  submit(second);
  start_on(second.id, 3);
  fail(second.id);
  pass(3'000);
  start_on(second.id, 1);
  fail(second.id);
  submit(first);
  start_on(first.id, 1);
  fail(first.id);
  auto on_3 = submit();
  start_on(on_3, 3);
  auto on_2 = submit();
  start_on(on_2, 2);
  pass(10'000);
  CAF_CHECK_EQUAL(placed(first.id), 0u);
  CAF_CHECK_EQUAL(runs_on(second.id), 0u);
  CAF_CHECK(says(second.id, "waits for another node"));
  // Node 2 calls the first one back, which then goes to node 3.
  end(on_2);
  end(on_3);
  CAF_CHECK_EQUAL(placed(first.id), 3u);
  CAF_CHECK_EQUAL(runs_on(second.id), 2u);
}

CAF_TEST(a retry that is promoted waits no longer for another node than it would have) {
  join(1, 1);
  join(2, 1);
  auto blocker = submit();
  CAF_REQUIRE_EQUAL(placed(blocker), 1u);
  auto id = submit();
  CAF_REQUIRE_EQUAL(placed(id), 2u);
  fail(id);
  pass(3'000);
  CAF_CHECK_EQUAL(placed(id), 0u);
  pass(20'000);
  CAF_REQUIRE(queue->promote(id).has_value());
  CAF_CHECK_EQUAL(placed(id), 0u);
  pass(10'000);
  CAF_CHECK_EQUAL(placed(id), 2u);
}

CAF_TEST(the longest piece goes to the fastest node and the shortest to the slowest) {
  for (uint64_t n : {1, 2, 3})
    join(n, 1);
  job_spec s;
  s.kind = "storyboard";
  s.work = 100;
  for (int round = 0; round < 4; ++round) {
    std::map<uint64_t, job_id> at;
    for (int i = 0; i < 3; ++i) {
      auto id = submit(s);
      at[placed(id)] = id;
    }
    pass(10'000);
    end(at[1]); // ten a second
    pass(15'000);
    end(at[2]); // four a second
    pass(25'000);
    end(at[3]); // two a second
  }
  std::vector<job_id> pieces;
  for (auto work : {30, 90, 60}) {
    s.work = work;
    pieces.push_back(submit(s));
  }
  queue->assign();
  CAF_CHECK_EQUAL(runs_on(pieces[0]), 3u);
  CAF_CHECK_EQUAL(runs_on(pieces[1]), 1u);
  CAF_CHECK_EQUAL(runs_on(pieces[2]), 2u);
  auto speeds = node(1).speeds;
  CAF_CHECK(speeds["storyboard"] > 9 && speeds["storyboard"] < 11);
}

CAF_TEST(known and unknown work goes on side by side) {
  join(1, 1);
  job_spec s;
  s.kind = "transcode";
  s.work = 100;
  for (int round = 0; round < 3; ++round) {
    auto id = submit(s);
    CAF_REQUIRE_EQUAL(placed(id), 1u);
    pass(10'000); // ten a second
    end(id);
  }
  // What is copied is done at once, and tells nothing of the node.
  s.work = 0;
  for (int round = 0; round < 3; ++round) {
    auto id = submit(s);
    CAF_REQUIRE_EQUAL(placed(id), 1u);
    pass(100);
    end(id);
  }
  CAF_CHECK(node(1).speeds["transcode"] > 9 && node(1).speeds["transcode"] < 11);
  // The unknown one counts as what is typical of its kind, five minutes: what is known to be shorter goes before it for
  // as long, and no longer.
  auto unknown = submit(s);
  s.work = 100;
  int before = 0;
  for (; before < 100; ++before) {
    auto known = submit(s);
    queue->assign();
    queue->take();
    if (runs_on(unknown) != 0)
      break;
    CAF_REQUIRE_EQUAL(runs_on(known), 1u);
    pass(10'000);
    end(known);
  }
  CAF_CHECK_LESS(25, before);
  CAF_CHECK_LESS(before, 33);
}

CAF_TEST(an owner of very many jobs does not hold up one of three) {
  join(1, 1);
  job_spec s;
  s.owner = "many";
  for (int i = 0; i < 2'000; ++i)
    submit(s);
  std::vector<job_id> few;
  s.owner = "few";
  for (int i = 0; i < 3; ++i)
    few.push_back(submit(s));
  int starts = 0;
  for (; !few.empty() && queue->find(few.back()) && queue->find(few.back())->state != job_state::completed; ++starts) {
    queue->assign();
    if (starts == 0)
      CAF_CHECK(queue->workers().front().running.size() == 1);
    end(queue->workers().front().running.front().job);
  }
  CAF_CHECK_LESS(starts, 9);
}

CAF_TEST(shares follow the weights of owners) {
  config.owner_weights = {{"heavy", 3}};
  config.keep_completed = 1'000;
  renew();
  join(1, 1);
  job_spec s;
  for (int i = 0; i < 200; ++i)
    for (auto owner : {"heavy", "light"}) {
      s.owner = owner;
      submit(s);
    }
  std::map<std::string, int> got;
  for (int i = 0; i < 100; ++i) {
    queue->assign();
    auto id = queue->workers().front().running.front().job;
    ++got[queue->find(id)->spec.owner];
    end(id);
  }
  CAF_CHECK_LESS(72, got["heavy"]);
  CAF_CHECK_LESS(got["heavy"], 78);
}

CAF_TEST(small and interactive work goes first and large work is not overtaken for ever) {
  auto at = clock.now;
  job_spec large;
  large.kind = "transcode";
  large.priority = 5;
  large.queue = "default";
  auto big = submit(large);
  auto small = submit([] {
    job_spec s;
    s.priority = 5;
    return s;
  }());
  join(1, 1);
  CAF_CHECK_EQUAL(placed(small), 1u);
  int overtaken = 0;
  while (runs_on(big) == 0) {
    end(small);
    pass(20'000);
    small = submit();
    queue->assign();
    ++overtaken;
    CAF_REQUIRE(overtaken < 100);
  }
  CAF_CHECK(clock.now - at <= placing_rules{}.longest_handicap + milliseconds{30'000});
  CAF_CHECK_LESS(5, overtaken);
}

CAF_TEST(a drained node finishes what it has and gets nothing new) {
  join(1);
  auto first = submit();
  CAF_CHECK_EQUAL(placed(first), 1u);
  set(1, [](auto& r) {
    r.state = node_state::draining;
    r.reason = "new fans";
  });
  auto b = queue->take();
  CAF_REQUIRE_EQUAL(b.nodes.size(), 1u);
  CAF_CHECK(b.needs_commit() && b.nodes[0].state == node_state::draining);
  auto second = submit();
  CAF_CHECK_EQUAL(placed(second), 0u);
  CAF_CHECK(says(second, "node-1 is drained: new fans"));
  CAF_CHECK_EQUAL(runs_on(first), 1u);
  end(first);
  CAF_CHECK_EQUAL(placed(second), 0u);
  set(1, [](auto& r) { r.state = node_state::active; });
  CAF_CHECK_EQUAL(placed(second), 1u);
}

CAF_TEST(slots can be changed at run time and the rules outlive the coordinator) {
  set(1, [](auto& r) { r.slots["default"] = 1; });
  join(1);
  queue->take();
  auto first = submit(), second = submit();
  queue->assign();
  CAF_CHECK(runs_on(first) == 1 && runs_on(second) == 0);
  auto kept = *queue->rules_of("node-1");
  set(1, [](auto& r) { r.slots["default"] = 9; });
  CAF_CHECK_EQUAL(placed(second), 1u);
  queue = std::make_unique<job_queue>(config, clock, [this] { return rng(); });
  ports::recovered_jobs from;
  from.nodes = {kept};
  queue->recover(8, std::move(from));
  join(1);
  first = submit(), second = submit();
  queue->assign();
  CAF_CHECK(runs_on(first) == 1 && runs_on(second) == 0);
  node_rules bad;
  bad.name = "node-1";
  bad.slots["nowhere"] = 1;
  bad.weight = 0;
  auto refused = queue->set_node(bad);
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::validation);
  CAF_CHECK_EQUAL(refused.error().fields.size(), 2u);
}

CAF_TEST(a node works in its hours only) {
  // The clock of these tests began on a Tuesday, 2023-11-14 22:13 UTC.
  join(1);
  set(1, [](auto& r) { r.hours = {{0x7F, 23 * 60, 6 * 60}}; });
  auto id = submit();
  CAF_CHECK_EQUAL(placed(id), 0u);
  CAF_CHECK(says(id, "node-1 is outside of its hours"));
  pass(46 * 60'000);
  CAF_CHECK_EQUAL(placed(id), 0u);
  pass(60'000 + 30'000);
  CAF_CHECK_EQUAL(placed(id), 1u);
  pass(7 * 3'600'000);
  CAF_CHECK_EQUAL(runs_on(id), 1u);
  CAF_CHECK_EQUAL(placed(submit()), 0u);
}

CAF_TEST(what only some nodes can encode goes to them and the wait for one is explained) {
  join(1, 4, {}, {encoder_capability("libx264")});
  job_spec s;
  s.kind = "transcode";
  s.needs = {encoder_capability("libsvtav1")};
  auto id = submit(s);
  CAF_CHECK_EQUAL(placed(id), 0u);
  CAF_CHECK(says(id, "no connected worker offers all that it needs; the nearest is node-1, which lacks "
                     "encoder:libsvtav1"));
  join(2, 4, {}, {encoder_capability("libsvtav1")});
  CAF_CHECK_EQUAL(placed(id), 2u);
}

CAF_TEST(a node that went away is missed for a day) {
  join(1);
  join(2);
  pass(10'000);
  queue->leave(hellos[2].id);
  hellos.erase(2);
  pass(3'600'000);
  CAF_CHECK(node(2).workers.empty());
  CAF_CHECK(node(2).silent == milliseconds{3'600'000});
  // Its rules can be changed meanwhile, and it is no longer away when it is back.
  set(2, [](auto& r) { r.weight = 50; });
  set(2, [](auto& r) { r = node_rules{r.name}; });
  join(2);
  CAF_CHECK_EQUAL(node(2).workers.size(), 1u);
  pass(25 * 3'600'000);
  // A link that breaks: it is listed all the time, and its silence is that since then.
  queue->unreachable(hellos[2].id);
  CAF_CHECK(node(2).workers.empty());
  CAF_CHECK(node(2).silent < milliseconds{10'000});
  queue->leave(hellos[2].id);
  hellos.erase(2);
  pass(23 * 3'600'000);
  CAF_CHECK_EQUAL(queue->nodes().size(), 2u);
  pass(3'600'000);
  CAF_CHECK_EQUAL(queue->nodes().size(), 1u);
}

CAF_TEST(a node that was drained once is forgotten like others) {
  join(1);
  join(2);
  set(2, [](auto& r) { r.state = node_state::draining; });
  set(2, [](auto& r) {
    r.state = node_state::active;
    r.reason = "the disk is in";
  });
  join(3);
  set(3, [](auto& r) { r.weight = 50; });
  for (uint64_t n : {2, 3}) {
    queue->leave(hellos[n].id);
    hellos.erase(n);
  }
  pass(23 * 3'600'000);
  CAF_CHECK_EQUAL(queue->nodes().size(), 3u);
  pass(3'600'000);
  // What is said of the other one stands.
  CAF_CHECK_EQUAL(queue->nodes().size(), 2u);
  CAF_CHECK_EQUAL(node(3).rules.weight, 50u);
}

CAF_TEST(a node of another version is marked) {
  for (uint64_t n : {1, 2, 3}) {
    worker_hello x;
    x.id = worker_id{{9, n}};
    x.node_name = "node-" + std::to_string(n);
    x.kinds = {"noop"};
    x.credit = {{"default", 1}};
    x.software = n == 1 ? std::string{software_version()} : n == 2 ? "0.0.1" : "";
    queue->join(x);
  }
  CAF_CHECK(node(1).software == software_version() && !node(1).other_software);
  CAF_CHECK(node(2).software == "0.0.1" && node(2).other_software);
  // It did not say.
  CAF_CHECK(!node(3).other_software);
}

CAF_TEST_FIXTURE_SCOPE_END()

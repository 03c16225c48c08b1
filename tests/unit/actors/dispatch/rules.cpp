#define CAF_SUITE dispatch.rules

#include "actors/dispatch/retry_rules.hpp"
#include "tests/support/seeds.hpp"
#include "tests/unit/actors/dispatch/world.hpp"

using namespace troupe;
using namespace troupe::dispatch;
using troupe::dispatch::test::virtual_clock;

namespace {

const worker_id alice{{1, 1}};

struct fixture {
  fixture() : queue({}, clock, [this] { return rng(); }) {
    queue.recover(7, {});
  }

  std::vector<lease_token> join(worker_id id, std::vector<std::string> capabilities = {}, uint32_t slots = 1) {
    return queue.join(
      {worker_protocol_version, id, "nas", {"noop"}, {{"default", slots}}, std::move(capabilities), {}});
  }
  job_id submit(job_spec s = {}) {
    s.kind = "noop";
    auto r = queue.submit({s});
    CAF_REQUIRE(r.has_value());
    return r->front().id;
  }
  lease_token start(job_id id) {
    queue.assign();
    CAF_REQUIRE(queue.find(id)->state == job_state::running);
    return queue.find(id)->token();
  }
  void end(const lease_token& token, attempt_end how = attempt_end::completed,
           error_class cls = error_class::transient) {
    attempt_outcome o;
    o.token = token;
    o.end = how;
    o.cls = cls;
    o.failure = error{errc::io, "the disk said no"};
    CAF_REQUIRE(queue.hand_in(alice, o));
  }
  void pass(int64_t ms) {
    clock.now += milliseconds{ms};
    queue.tick();
  }
  job_state state(job_id id) {
    return queue.find(id)->state;
  }

  virtual_clock clock;
  std::mt19937_64 rng{1};
  job_queue queue;
  uint32_t losses = 0;
};

} // namespace

CAF_TEST(backoff doubles within its jitter and never beyond its cap) {
  retry_policy p{5, milliseconds{2'000}, milliseconds{300'000}, true};
  std::mt19937_64 rng{1};
  for (int i = 0; i < 1'000; ++i)
    for (uint32_t n : {1u, 2u, 3u, 7u, 8u, 9u, 64u, 4'000'000'000u}) {
      auto base = n < 9 ? std::min<int64_t>(2'000ll << (n - 1), 300'000) : 300'000;
      auto d = retry_delay(p, n, rng()).count();
      CAF_REQUIRE(d >= base * 8 / 10 && d <= std::min<int64_t>(base * 12 / 10, 300'000));
    }
  p.exponential = false;
  CAF_CHECK_EQUAL(retry_delay(p, 5, 123).count(), 2'000);
}

CAF_TEST(the first loss waits for nothing and every further one in a row as long as any failure) {
  troupe::test::for_seeds(2'000, [](uint64_t seed) {
    std::mt19937_64 rng{seed};
    retry_policy p{static_cast<uint32_t>(1 + rng() % 6), milliseconds{1 + rng() % 5'000}, milliseconds{},
                   rng() % 2 == 0};
    p.max_delay = p.first_delay + milliseconds{rng() % 300'000};
    auto failures = static_cast<uint32_t>(rng() % 7);
    auto random = rng();
    auto failed = judge_failure(p, failures, error_class::transient, {}, random);
    auto first = judge_loss(p, failures, false, random), again = judge_loss(p, failures, true, random);
    CAF_REQUIRE(first.burns_attempt && again.burns_attempt);
    CAF_REQUIRE_EQUAL(first.final, failures + 1 >= p.max_attempts);
    CAF_REQUIRE_EQUAL(again.final, first.final);
    CAF_REQUIRE_EQUAL(first.delay.count(), 0);
    CAF_REQUIRE_EQUAL(again.delay.count(), failed.delay.count());
    CAF_REQUIRE(again.final || again.delay.count() > 0);
  });
}

CAF_TEST(only the attempt before counts as a loss and none before a retry by hand) {
  job x;
  CAF_CHECK(!was_lost(x));
  auto ended = [&](attempt_end how) {
    x.attempts.emplace_back();
    x.attempts.back().end = how;
    return was_lost(x);
  };
  x.failures = 1;
  CAF_CHECK(ended(attempt_end::lost));
  for (auto how : {attempt_end::completed, attempt_end::failed, attempt_end::released, attempt_end::delegated})
    CAF_CHECK(!ended(how));
  CAF_CHECK(ended(attempt_end::lost));
  x.failures = 0;
  CAF_CHECK(!was_lost(x));
  x.interruptions = 1;
  CAF_CHECK(was_lost(x));
}

CAF_TEST_FIXTURE_SCOPE(rules, fixture)

CAF_TEST(a job whose node dies is queued when its lease ends and waits from the second time on) {
  auto id = submit();
  auto loses = [&] {
    join(worker_id{{3, ++losses}});
    start(id);
    queue.take();
    pass(14'999);
    CAF_REQUIRE(state(id) == job_state::running);
    pass(1);
    CAF_CHECK_EQUAL(queue.find(id)->failures, losses);
    CAF_CHECK(queue.find(id)->last_error.code == errc::worker_lost);
  };
  loses();
  CAF_CHECK(state(id) == job_state::queued);
  auto taken = queue.take();
  CAF_REQUIRE_EQUAL(taken.effects.rerun.size(), 1u);
  CAF_CHECK(taken.rows[taken.effects.rerun[0]].row.id == id);
  CAF_CHECK(queue.take().effects.rerun.empty());
  loses();
  CAF_CHECK(state(id) == job_state::delayed);
  CAF_CHECK(queue.take().effects.rerun.empty());
  pass(3'199);
  CAF_CHECK(state(id) == job_state::delayed);
  pass(1'601);
  CAF_CHECK(state(id) == job_state::queued);
  // Whatever kills its nodes does so three times.
  loses();
  CAF_CHECK(state(id) == job_state::failed);
  CAF_CHECK(queue.take().effects.rerun.empty());
  CAF_REQUIRE(queue.retry(id).has_value());
  losses = 0;
  join(worker_id{{4, 1}});
  start(id);
  pass(15'000);
  CAF_CHECK(state(id) == job_state::queued);
}

CAF_TEST(a crash of what a worker runs is no lost lease and a node that came back empty is) {
  join(alice);
  auto id = submit();
  end(start(id), attempt_end::failed, error_class::crash);
  CAF_CHECK(state(id) == job_state::delayed);
  CAF_REQUIRE(queue.promote(id).has_value());
  // Neither burnt nor delayed; but the next one is the second node in a row that went away under it.
  start(id);
  join(alice);
  CAF_CHECK(state(id) == job_state::queued);
  CAF_CHECK_EQUAL(queue.find(id)->failures, 1u);
  start(id);
  pass(15'000);
  CAF_CHECK(state(id) == job_state::delayed);
  CAF_CHECK_EQUAL(queue.find(id)->failures, 2u);
}

CAF_TEST(a job fails when its attempts are spent and numbers go on after a retry) {
  join(alice);
  auto id = submit();
  for (uint32_t n = 1; n <= 3; ++n) {
    auto token = start(id);
    CAF_CHECK_EQUAL(token.attempt, n);
    end(token, attempt_end::failed);
    clock.now += milliseconds{9'000};
    join(alice);
    queue.tick();
  }
  CAF_CHECK(state(id) == job_state::failed);
  CAF_REQUIRE(queue.retry(id).has_value());
  CAF_CHECK_EQUAL(start(id).attempt, 4u);
}

CAF_TEST(of very many attempts the last twenty are on record) {
  join(alice);
  auto id = submit();
  for (int i = 0; i < 25; ++i)
    end(start(id), attempt_end::released);
  auto& record = queue.find(id)->attempts;
  CAF_REQUIRE_EQUAL(record.size(), 20u);
  CAF_CHECK_EQUAL(record.front().number, 6u);
  CAF_CHECK_EQUAL(record.back().number, 25u);
}

CAF_TEST(a full queue takes no retry until there is room) {
  CAF_REQUIRE(queue.change_queue({"default", false, 0, 1}).has_value());
  join(alice);
  auto failed = submit();
  end(start(failed), attempt_end::failed, error_class::permanent);
  auto other = submit();
  auto refused = queue.retry(failed);
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::rate_limited);
  CAF_CHECK(refused.error().retry_after.count() > 0);
  CAF_CHECK(state(failed) == job_state::failed);
  end(start(other));
  CAF_CHECK(queue.retry(failed).has_value());
}

CAF_TEST(the wall clock moves no lease and no delay) {
  join(alice, {}, 2);
  auto a = submit();
  auto b = submit();
  auto token = start(a);
  end(queue.find(b)->token(), attempt_end::failed);
  for (auto step : {3'600'000, -7'200'000}) {
    clock.step += milliseconds{step};
    pass(100);
    CAF_CHECK(queue.holds(alice, token));
    CAF_CHECK(state(b) == job_state::delayed);
  }
  pass(2'400);
  CAF_CHECK(state(b) == job_state::queued);
}

CAF_TEST(specs of one call name each other and a circle is refused) {
  job_spec a, b;
  a.id = job_id{{1, 1}};
  b.id = job_id{{1, 2}};
  a.kind = b.kind = "noop";
  a.depends_on = {b.id};
  CAF_REQUIRE(queue.submit({a, b}).has_value());
  CAF_CHECK(state(a.id) == job_state::waiting);
  a.id = job_id{{2, 1}};
  b.id = job_id{{2, 2}};
  a.depends_on = {b.id};
  b.depends_on = {a.id};
  auto r = queue.submit({a, b});
  CAF_REQUIRE(!r);
  CAF_CHECK(r.error().code == errc::validation);
  a.depends_on = b.depends_on = {};
  a.parent = b.id;
  b.parent = a.id;
  CAF_CHECK(!queue.submit({a, b}));
  CAF_CHECK_EQUAL(queue.size(), 2u);
}

CAF_TEST(a failure runs along a long chain of dependents) {
  std::vector<job_spec> chain(50'000);
  for (size_t i = 0; i < chain.size(); ++i) {
    chain[i].kind = "noop";
    chain[i].id = job_id{{1, i + 1}};
    if (i > 0)
      chain[i].depends_on = {chain[i - 1].id};
  }
  CAF_REQUIRE(queue.submit(chain).has_value());
  join(alice);
  end(start(chain[0].id), attempt_end::failed, error_class::permanent);
  CAF_CHECK(state(chain.back().id) == job_state::failed);
  CAF_CHECK_EQUAL(queue.find(chain.back().id)->last_error.message, "the disk said no");
  queue.take();
  CAF_CHECK_EQUAL(queue.size(), 50u);
}

CAF_TEST(a submission id outlives the job in memory) {
  join(alice);
  job_spec s;
  s.submission_id = "once";
  auto first = submit(s);
  end(start(first));
  for (int i = 0; i < 11; ++i)
    end(start(submit()));
  queue.take();
  CAF_CHECK(queue.find(first) == nullptr);
  CAF_CHECK(submit(s) == first);
}

CAF_TEST(children stay while their parent does) {
  join(alice);
  auto parent = submit();
  job_spec s;
  s.parent = parent;
  end(start(parent));
  auto child = submit(s);
  end(start(child));
  for (int i = 0; i < 9; ++i)
    end(start(submit()));
  queue.take();
  CAF_CHECK(queue.find(parent) && queue.find(child));
  for (int i = 0; i < 12; ++i)
    end(start(submit()));
  queue.take();
  CAF_CHECK(!queue.find(parent) && !queue.find(child));
}

CAF_TEST(a result that is too large fails the job for good) {
  join(alice);
  auto id = submit();
  attempt_outcome o;
  o.token = start(id);
  o.result.assign(max_result_bytes + 1, 'x');
  o.log_tail.assign(9'000, 'y');
  CAF_REQUIRE(queue.hand_in(alice, o));
  CAF_CHECK(state(id) == job_state::failed);
  CAF_CHECK(queue.find(id)->last_error.code == errc::too_large);
  CAF_CHECK_EQUAL(queue.find(id)->attempts[0].log_tail.size(), max_log_tail_bytes);
}

CAF_TEST(what is assigned and cancelled within one batch is never sent) {
  join(alice);
  auto id = submit();
  start(id);
  CAF_REQUIRE(queue.cancel(id).has_value());
  auto b = queue.take();
  CAF_CHECK(b.effects.assignments.empty() && b.effects.revocations.empty());
  CAF_REQUIRE_EQUAL(b.rows.size(), 1u);
  CAF_CHECK(b.rows[0].is_new && b.rows[0].row.state == job_state::cancelled);
}

CAF_TEST(explain names the capability that the nearest worker lacks) {
  join(alice, {"library:a"});
  job_spec s;
  s.needs = {"library:a", "library:b"};
  auto x = queue.explain(submit(s));
  CAF_REQUIRE(x && x->reasons.size() == 1u);
  CAF_CHECK(x->reasons[0].find("nas, which lacks library:b") != std::string::npos);
}

CAF_TEST_FIXTURE_SCOPE_END()

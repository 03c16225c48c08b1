#define CAF_SUITE dispatch.delegation

#include "tests/support/unit_test.hpp"
#include "tests/unit/actors/dispatch/world.hpp"

#include <caf/make_message.hpp>

using namespace troupe;
using namespace troupe::dispatch;
using troupe::dispatch::test::virtual_clock;

namespace {

const worker_id alice{{1, 1}};

struct fixture {
  fixture() : queue({}, clock, [this] { return rng(); }) {
    queue.recover(7, {});
    queue.join({worker_protocol_version, alice, "nas", {"transcode", "encode_chunk"}, {{"video", 10}}, {}, {}});
    job_spec spec;
    spec.kind = "transcode";
    spec.owner = "anna";
    spec.request_id = "r-1";
    parent = queue.submit({spec})->front().id;
    queue.assign();
  }

  const job& row(job_id id) {
    return *queue.find(id);
  }
  attempt_outcome handing_on(job_id id, size_t parts) {
    attempt_outcome out;
    out.token = row(id).token();
    out.end = attempt_end::delegated;
    for (size_t i = 0; i < parts; ++i) {
      job_spec spec;
      spec.kind = "encode_chunk";
      // The same work twice would be a copy.
      spec.payload = "{\"index\":" + std::to_string(i) + "}";
      out.handed_on.jobs.push_back(spec);
      out.handed_on.shares.push_back(1 + static_cast<double>(i));
    }
    out.handed_on.next.state = R"({"film":1})";
    out.handed_on.next.from = 0.1;
    out.handed_on.next.to = 0.9;
    out.handed_on.next.stage = "transcode";
    return out;
  }
  std::vector<job_id> hand_on(size_t parts) {
    CAF_REQUIRE(queue.hand_in(alice, handing_on(parent, parts)));
    CAF_REQUIRE(row(parent).state == job_state::waiting);
    queue.assign();
    return queue.children_of(parent);
  }
  void end(job_id id, attempt_end how, error_class cls = error_class::transient) {
    attempt_outcome out;
    out.token = row(id).token();
    out.end = how;
    out.cls = cls;
    out.result = "\"" + id.str() + "\"";
    out.failure = error{errc::io, "the disk said no"};
    CAF_REQUIRE(queue.hand_in(alice, out));
  }
  void report(job_id id, double fraction, int64_t speed = 2'000) {
    job_progress p;
    p.fraction = fraction;
    p.counters["speed"] = speed;
    CAF_REQUIRE(queue.progress(alice, {row(id).token(), p}));
  }
  /// The assignment that the job got last.
  assignment given(job_id id) {
    assignment out;
    for (auto& [to, a] : queue.take().effects.assignments)
      if (a.token.job == id)
        out = a;
    return out;
  }

  virtual_clock clock;
  std::mt19937_64 rng{1};
  job_queue queue;
  job_id parent;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(delegation_tests, fixture)

CAF_TEST(a job waits for those it handed its work to and goes on with what they made) {
  auto parts = hand_on(3);
  CAF_REQUIRE_EQUAL(parts.size(), 3u);
  for (auto id : parts) {
    CAF_CHECK(row(id).state == job_state::running);
    CAF_CHECK(row(id).spec.parent == parent);
    CAF_CHECK_EQUAL(row(id).spec.owner, "anna");
    CAF_CHECK_EQUAL(row(id).spec.request_id, "r-1");
    CAF_CHECK_EQUAL(row(id).spec.priority, row(parent).spec.priority);
  }
  // A part is told what all of them share.
  auto what = given(parts[1]);
  CAF_CHECK_EQUAL(what.state, R"({"film":1})");
  CAF_CHECK(what.parent == parent);
  end(parts[0], attempt_end::completed);
  end(parts[1], attempt_end::failed, error_class::permanent);
  CAF_CHECK(row(parent).state == job_state::waiting);
  end(parts[2], attempt_end::completed);
  CAF_CHECK(row(parent).state == job_state::queued);
  CAF_CHECK_EQUAL(row(parent).failures, 0u);
  queue.assign();
  auto again = given(parent);
  CAF_CHECK_EQUAL(again.token.attempt, 2u);
  CAF_CHECK_EQUAL(again.state, R"({"film":1})");
  CAF_REQUIRE_EQUAL(again.children.size(), 3u);
  CAF_CHECK(again.children[0].id == parts[0] && again.children[0].state == job_state::completed);
  CAF_CHECK_EQUAL(again.children[0].result, "\"" + parts[0].str() + "\"");
  CAF_CHECK(again.children[1].state == job_state::failed && again.children[1].failure.code == errc::io);
  end(parent, attempt_end::completed);
  CAF_CHECK(row(parent).state == job_state::completed);
  CAF_CHECK(!row(parent).delegated());
  CAF_CHECK(row(parent).attempts.front().end == attempt_end::delegated);
}

CAF_TEST(the attempt that goes on is retried with all that there is) {
  auto parts = hand_on(2);
  for (auto id : parts)
    end(id, attempt_end::completed);
  queue.assign();
  end(parent, attempt_end::failed);
  CAF_CHECK(row(parent).state == job_state::delayed);
  CAF_CHECK_EQUAL(row(parent).failures, 1u);
  clock.now += milliseconds{600'000};
  queue.tick();
  queue.join({worker_protocol_version, alice, "nas", {"transcode", "encode_chunk"}, {{"video", 10}}, {}, {}});
  queue.assign();
  auto again = given(parent);
  CAF_CHECK_EQUAL(again.children.size(), 2u);
  // Only the part that is lost is made again; the other one counts.
  auto outcome = handing_on(parent, 1);
  outcome.handed_on.keep = {parts[1]};
  CAF_REQUIRE(queue.hand_in(alice, outcome));
  CAF_CHECK(row(parent).state == job_state::waiting);
  CAF_REQUIRE_EQUAL(row(parent).next.front().children.size(), 2u);
  CAF_CHECK(row(parent).next.front().children[0].id == parts[1]);
  CAF_CHECK_EQUAL(row(parent).next.front().children[0].share, 2.0);
  queue.assign();
  end(row(parent).next.front().children[1].id, attempt_end::completed);
  CAF_CHECK(row(parent).state == job_state::queued);
}

CAF_TEST(its progress is that of its parts and never goes back) {
  auto parts = hand_on(2); // shares 1 and 2
  CAF_CHECK_EQUAL(queue.take_moved_parents(), std::vector{parent});
  CAF_CHECK(row(parent).progress.fraction >= 0.1);
  clock.now += milliseconds{200};
  report(parts[1], 0.5);
  CAF_CHECK(std::abs(row(parent).progress.fraction - (0.1 + 0.8 / 3)) < 1e-9);
  CAF_CHECK_EQUAL(row(parent).progress.counters.at("speed"), 2'000);
  // Too early to say.
  CAF_CHECK(!row(parent).progress.counters.contains("etaMs"));
  CAF_CHECK_EQUAL(row(parent).progress.stage, "transcode");
  CAF_CHECK_EQUAL(row(parent).progress.message, "0 of 2 parts done, 2 running on 1 node");
  CAF_CHECK_EQUAL(queue.take_moved_parents().size(), 1u);
  // Coalesced.
  report(parts[1], 0.6);
  CAF_CHECK(queue.take_moved_parents().empty());
  clock.now += milliseconds{200};
  CAF_CHECK_EQUAL(queue.take_moved_parents().size(), 1u);
  auto before = row(parent).progress.fraction;
  end(parts[1], attempt_end::failed);
  CAF_CHECK_EQUAL(row(parent).progress.fraction, before);
  end(parts[0], attempt_end::completed);
  CAF_CHECK(row(parent).progress.fraction >= before && row(parent).progress.fraction <= 0.9);
}

CAF_TEST(what has no share is no part of the figures) {
  auto outcome = handing_on(parent, 2);
  outcome.handed_on.shares[0] = 0;
  CAF_REQUIRE(queue.hand_in(alice, outcome));
  queue.assign();
  auto parts = queue.children_of(parent);
  report(parts[0], 0.5, 90'000);
  CAF_CHECK(!row(parent).progress.counters.contains("speed"));
  report(parts[1], 0.25, 2'000);
  CAF_CHECK_EQUAL(row(parent).progress.counters.at("speed"), 2'000);
  CAF_CHECK(std::abs(row(parent).progress.fraction - (0.1 + 0.8 / 4)) < 1e-9);
}

CAF_TEST(the time that the first parts took says nothing of those that follow) {
  auto parts = hand_on(2);
  for (int i = 1; i <= 5; ++i) {
    clock.now += milliseconds{1'000};
    report(parts[1], 0.1 * i);
  }
  CAF_CHECK(row(parent).progress.counters.contains("etaMs"));
  for (auto id : parts)
    end(id, attempt_end::completed);
  queue.assign();
  auto again = handing_on(parent, 1);
  again.handed_on.jobs[0].payload = "{\"index\":9}";
  // Bounds that are the wrong way round.
  again.handed_on.next.from = 0.9;
  again.handed_on.next.to = 0.2;
  CAF_REQUIRE(queue.hand_in(alice, again));
  CAF_CHECK(!row(parent).progress.counters.contains("etaMs"));
  CAF_CHECK_EQUAL(row(parent).next.front().to, 0.9);
}

CAF_TEST(how fast nodes are is looked at anew after a while) {
  queue.join({worker_protocol_version, worker_id{{1, 2}}, "attic", {"encode_chunk"}, {{"video", 1}}, {}, {}});
  auto lanes_of_another = [&] {
    job_spec spec;
    spec.kind = "transcode";
    auto id = queue.submit({spec})->front().id;
    queue.assign();
    return given(id).lanes;
  };
  CAF_CHECK(lanes_of_another() == std::vector<double>({1, 1}));
  auto outcome = handing_on(parent, 2);
  for (auto& part : outcome.handed_on.jobs)
    part.work = 10;
  CAF_REQUIRE(queue.hand_in(alice, outcome));
  queue.assign();
  auto parts = queue.children_of(parent);
  std::sort(parts.begin(), parts.end(), [&](auto a, auto b) { return row(a).worker_name > row(b).worker_name; });
  CAF_REQUIRE_EQUAL(row(parts[0]).worker_name, "nas");
  CAF_REQUIRE_EQUAL(row(parts[1]).worker_name, "attic");
  clock.now += milliseconds{1'000};
  end(parts[0], attempt_end::completed);
  clock.now += milliseconds{3'000};
  attempt_outcome slow;
  slow.token = row(parts[1]).token();
  CAF_REQUIRE(queue.hand_in(worker_id{{1, 2}}, slow));
  auto lanes = lanes_of_another();
  CAF_REQUIRE_EQUAL(lanes.size(), 2u);
  CAF_CHECK(lanes[0] != lanes[1]);
}

CAF_TEST(a restarted queue waits on and knows what was made) {
  auto parts = hand_on(2);
  end(parts[0], attempt_end::completed);
  ports::recovered_jobs rows;
  for (auto id : {parent, parts[0], parts[1]})
    rows.jobs.push_back(row(id));
  job_queue next{{}, clock, [this] { return rng(); }};
  next.recover(8, std::move(rows));
  CAF_CHECK(next.find(parent)->state == job_state::waiting);
  next.join({worker_protocol_version,
             alice,
             "nas",
             {"transcode", "encode_chunk"},
             {{"video", 10}},
             {},
             {next.find(parts[1])->token()}});
  attempt_outcome done;
  done.token = next.find(parts[1])->token();
  done.result = "2";
  CAF_REQUIRE(next.hand_in(alice, done));
  next.assign();
  auto taken = next.take();
  CAF_REQUIRE_EQUAL(taken.effects.assignments.size(), 1u);
  CAF_CHECK_EQUAL(taken.effects.assignments[0].second.children.size(), 2u);
  CAF_CHECK_EQUAL(taken.effects.assignments[0].second.children[1].result, "2");
}

CAF_TEST(cancelling ends the parts and a retry begins anew) {
  auto parts = hand_on(2);
  queue.take();
  CAF_REQUIRE(queue.cancel(parent).has_value());
  for (auto id : parts)
    CAF_CHECK(row(id).state == job_state::cancelled);
  CAF_CHECK_EQUAL(queue.take().effects.revocations.size(), 2u);
  CAF_REQUIRE(queue.retry(parent).has_value());
  CAF_CHECK(row(parent).state == job_state::queued);
  CAF_CHECK(!row(parent).delegated());
  queue.assign();
  CAF_CHECK(given(parent).children.empty());
}

CAF_TEST(no part counts twice) {
  auto parts = hand_on(2);
  for (auto id : parts)
    end(id, attempt_end::completed);
  queue.assign();
  auto outcome = handing_on(parent, 1);
  outcome.handed_on.keep = {parts[1], parts[1]};
  CAF_REQUIRE(queue.hand_in(alice, outcome));
  CAF_CHECK(row(parent).state == job_state::failed);
  CAF_CHECK_EQUAL(queue.children_of(parent).size(), 2u);
}

CAF_TEST(a part that is retried while others run is waited for again) {
  auto parts = hand_on(2);
  end(parts[0], attempt_end::failed, error_class::permanent);
  CAF_REQUIRE(queue.retry(parts[0]).has_value());
  end(parts[1], attempt_end::completed);
  CAF_CHECK(row(parent).state == job_state::waiting);
  queue.assign();
  end(parts[0], attempt_end::completed);
  CAF_CHECK(row(parent).state == job_state::queued);
  queue.assign();
  auto again = given(parent);
  CAF_REQUIRE_EQUAL(again.children.size(), 2u);
  CAF_CHECK(again.children[0].state == job_state::completed);
}

CAF_TEST(a part that was removed before the job went on was not made) {
  auto parts = hand_on(2);
  for (auto id : parts)
    end(id, attempt_end::completed);
  CAF_REQUIRE(queue.remove(parts[0]).has_value());
  queue.assign();
  auto again = given(parent);
  CAF_REQUIRE_EQUAL(again.children.size(), 2u);
  CAF_CHECK(again.children[0].state == job_state::failed);
  CAF_CHECK(again.children[0].failure.code == errc::not_found);
  CAF_CHECK(again.children[1].state == job_state::completed);
}

CAF_TEST(what makes no sense fails the attempt and makes no job) {
  std::vector<attempt_outcome> bad;
  bad.push_back(handing_on(parent, 0));
  bad.push_back(handing_on(parent, max_delegated + 1));
  bad.push_back(handing_on(parent, 2));
  bad.back().handed_on.shares.pop_back();
  bad.push_back(handing_on(parent, 2));
  bad.back().handed_on.shares[0] = -1;
  bad.push_back(handing_on(parent, 2));
  bad.back().handed_on.jobs[1].kind = "no such kind";
  bad.push_back(handing_on(parent, 1));
  bad.back().handed_on.keep = {parent};
  bad.push_back(handing_on(parent, 1));
  bad.back().handed_on.next.state.assign(max_payload_bytes + 1, 'x');
  // It would wait for what waits for it.
  bad.push_back(handing_on(parent, 1));
  bad.back().handed_on.jobs[0].depends_on = {parent};
  for (auto& outcome : bad) {
    outcome.token = row(parent).token();
    CAF_REQUIRE(queue.hand_in(alice, outcome));
    CAF_CHECK(queue.children_of(parent).empty());
    CAF_CHECK(!row(parent).delegated());
    CAF_CHECK(row(parent).state == job_state::failed || row(parent).state == job_state::delayed);
    if (row(parent).state == job_state::failed)
      CAF_REQUIRE(queue.retry(parent).has_value());
    else
      CAF_REQUIRE(queue.promote(parent).has_value());
    queue.assign();
  }
}

CAF_TEST(a late hand over changes nothing) {
  auto late = handing_on(parent, 2);
  late.token.attempt = 9;
  CAF_CHECK(!queue.hand_in(alice, late));
  CAF_CHECK(queue.children_of(parent).empty());
  CAF_CHECK(row(parent).state == job_state::running);
}

CAF_TEST(it says what it waits for and how many nodes could take a part) {
  auto parts = hand_on(2);
  auto why = queue.explain(parent);
  CAF_REQUIRE(why.has_value());
  CAF_CHECK(why->reasons.front().find("it waits for 2 jobs") == 0);
  for (auto id : parts)
    end(id, attempt_end::completed);
  queue.join({worker_protocol_version, worker_id{{1, 2}}, "attic", {"encode_chunk"}, {{"video", 1}}, {}, {}});
  queue.join({worker_protocol_version, worker_id{{1, 3}}, "attic", {"encode_chunk"}, {{"video", 1}}, {}, {}});
  queue.join({worker_protocol_version, worker_id{{1, 4}}, "cellar", {"encode_chunk"}, {{"video", 0}}, {}, {}});
  queue.join({worker_protocol_version, worker_id{{1, 5}}, "roof", {"transcode"}, {{"video", 1}}, {}, {}});
  job_spec spec;
  spec.kind = "transcode";
  auto other = queue.submit({spec})->front().id;
  queue.assign();
  // nas and attic: two workers of one machine are one, and the others take no part.
  CAF_CHECK_EQUAL(given(other).lanes.size(), 2u);
}

CAF_TEST(a part that takes long is begun again on an idle node and the first that is done ends the other) {
  const worker_id bob{{1, 2}};
  auto join_bob = [&](uint32_t slots) {
    queue.join({worker_protocol_version, bob, "attic", {"encode_chunk"}, {{"video", slots}}, {}, {}});
  };
  auto parts = hand_on(3); // all on nas, shares 1, 2 and 3
  clock.now += milliseconds{10'000};
  for (auto i : {0, 1}) {
    end(parts[i], attempt_end::completed);
    CAF_REQUIRE(row(parts[i]).state == job_state::completed);
  }
  // 10 s for shares of 1 and 2: about 6.7 s a share, 20 s for this one; after 10 s it shows a tenth.
  report(parts[2], 0.1);
  CAF_CHECK_EQUAL(queue.children_of(parent).size(), 3u);
  join_bob(1);
  clock.now += milliseconds{2'000};
  queue.renew(alice, {row(parts[2]).token()});
  report(parts[2], 0.11);
  queue.tick();
  auto all = queue.children_of(parent);
  CAF_REQUIRE_EQUAL(all.size(), 4u);
  auto copy = all.back();
  CAF_CHECK_EQUAL(row(parent).next.front().children.size(), 4u);
  queue.assign();
  CAF_REQUIRE(row(copy).state == job_state::running);
  CAF_CHECK_EQUAL(row(copy).worker_name, "attic");
  // Once is enough.
  clock.now += milliseconds{2'000};
  report(parts[2], 0.12);
  queue.tick();
  CAF_CHECK_EQUAL(queue.children_of(parent).size(), 4u);
  queue.take();
  attempt_outcome done;
  done.token = row(copy).token();
  done.result = "\"copy\"";
  auto late = row(parts[2]).token();
  CAF_REQUIRE(queue.hand_in(bob, done));
  CAF_CHECK(row(parts[2]).state == job_state::cancelled);
  CAF_CHECK(row(parent).state == job_state::queued);
  auto revoked = queue.take().effects.revocations;
  CAF_REQUIRE_EQUAL(revoked.size(), 1u);
  CAF_CHECK(revoked.front().second == late);
  // The slow one comes in after all: it changes nothing.
  attempt_outcome second;
  second.token = late;
  CAF_CHECK(!queue.hand_in(alice, second));
  queue.assign();
  auto again = given(parent);
  CAF_REQUIRE_EQUAL(again.children.size(), 4u);
  CAF_CHECK(again.children[3].state == job_state::completed);
}

CAF_TEST(a copy ends with the part that is done first and does not outlive one that fails) {
  queue.join({worker_protocol_version, worker_id{{1, 2}}, "attic", {"encode_chunk"}, {{"video", 1}}, {}, {}});
  auto parts = hand_on(2);
  auto slow = row(parts[0]).worker_name == "nas" ? parts[0] : parts[1];
  auto quick = slow == parts[0] ? parts[1] : parts[0];
  clock.now += milliseconds{4'000};
  attempt_outcome done;
  done.token = row(quick).token();
  done.result = "1";
  CAF_REQUIRE(queue.hand_in(row(quick).lease_worker, done));
  clock.now += milliseconds{8'000};
  queue.renew(worker_id{{1, 2}}, {});
  report(slow, 0.05);
  queue.tick();
  auto all = queue.children_of(parent);
  if (all.size() == 3) {
    // Not yet given out when the first one is done: it never starts.
    end(slow, attempt_end::completed);
    CAF_CHECK(row(all.back()).state == job_state::cancelled);
    CAF_CHECK(row(parent).state == job_state::queued);
  } else {
    CAF_FAIL("no copy was made");
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

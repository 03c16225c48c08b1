#define CAF_SUITE store.jobs

#include "protocol/model/job_kinds.hpp"
#include "tests/unit/store/fixture.hpp"

#include <map>
#include <set>

using namespace troupe;
using namespace troupe::test;

namespace {

job queued(std::mt19937_64& rng) {
  auto x = random_job(rng);
  x.state = job_state::queued;
  x.archived = false;
  return x;
}

job running(std::mt19937_64& rng) {
  auto x = queued(rng);
  x.state = job_state::running;
  x.attempt = 3;
  x.lease_term = 7;
  return x;
}

} // namespace

CAF_TEST(a new job is read back as it was and so is each change of it) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{11};
    auto store = db.open();
    auto writer = must(store->open_writer());
    auto reader = must(store->open_reader());
    for (int i = 0; i < 200; ++i) {
      auto x = random_job(rng);
      must(commit(*writer, unit_with({{x, true}})));
      CAF_REQUIRE(must(reader->find_job(x.id)) == x);
      change_job(rng, x);
      must(commit(*writer, unit_with({{x, false}})));
      // A reader sees every acknowledged commit.
      CAF_REQUIRE(must(reader->find_job(x.id)) == x);
    }
    CHECK_CODE(reader->find_job(job_id{{1, 1}}), errc::not_found);
  });
}

CAF_TEST(fences) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{12};
    auto store = db.open();
    auto writer = must(store->open_writer());
    auto reader = must(store->open_reader());
    auto held = running(rng);
    must(commit(*writer, unit_with({{held, true}})));
    auto with = [&](lease_token token) {
      auto unit = unit_with({{queued(rng), true}});
      unit.fence = token;
      auto answer = commit(*writer, unit);
      CAF_CHECK_EQUAL(bool(answer), bool(reader->find_job(unit.jobs[0].row.id)));
      return code_of(answer);
    };
    CAF_CHECK(with({7, held.id, 3}) == errc::none);
    CAF_CHECK(with({7, held.id, 2}) == errc::stale_lease);
    CAF_CHECK(with({7, held.id, 4}) == errc::stale_lease);
    CAF_CHECK(with({6, held.id, 3}) == errc::stale_lease);
    CAF_CHECK(with({8, held.id, 3}) == errc::stale_lease);
    CAF_CHECK(with({7, job_id{{9, 9}}, 3}) == errc::stale_lease);
    held.state = job_state::delayed;
    must(commit(*writer, unit_with({{held, false}})));
    CAF_CHECK(with({7, held.id, 3}) == errc::stale_lease);
  });
}

CAF_TEST(a stale unit leaves the others of its commit alone and sees what was before it) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{13};
    auto store = db.open();
    auto writer = must(store->open_writer());
    auto reader = must(store->open_reader());
    auto held = running(rng);
    must(commit(*writer, unit_with({{held, true}})));
    auto before = unit_with({{queued(rng), true}});
    before.fence = held.token();
    auto done = held;
    done.state = job_state::completed;
    auto ends = unit_with({{done, false}});
    ends.fence = held.token();
    auto after = unit_with({{queued(rng), true}});
    after.fence = held.token();
    auto unfenced = unit_with({{queued(rng), true}});
    const ports::unit_of_work* units[] = {&before, &ends, &after, &unfenced};
    auto answers = must(writer->commit(units));
    CAF_REQUIRE_EQUAL(answers.size(), 4u);
    CAF_CHECK(answers[0] && answers[1] && answers[3]);
    CHECK_CODE(answers[2], errc::stale_lease);
    CAF_CHECK(reader->find_job(before.jobs[0].row.id).has_value());
    CAF_CHECK(!reader->find_job(after.jobs[0].row.id).has_value());
    CAF_CHECK(reader->find_job(unfenced.jobs[0].row.id).has_value());
    CAF_CHECK(must(reader->find_job(held.id)).state == job_state::completed);
  });
}

CAF_TEST(a unit that claims a video of another library is dropped alone) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{17};
    auto store = db.open();
    auto writer = must(store->open_writer());
    auto reader = must(store->open_reader());
    const library_id films{random_raw_id(rng)}, series{random_raw_id(rng)};
    auto known = random_video(rng, series);
    ports::unit_of_work there;
    there.catalogue.found = {known};
    must(commit(*writer, there));
    auto claims = [&](library_id library, std::vector<video_id> ids) {
      ports::unit_of_work unit;
      unit.claimed = {library, std::move(ids)};
      auto moved = known;
      moved.library = library;
      moved.path = "elsewhere.mkv";
      unit.catalogue.found = {moved};
      auto other = unit_with({{queued(rng), true}});
      const ports::unit_of_work* units[] = {&unit, &other};
      auto answers = must(writer->commit(units));
      CAF_CHECK(answers.at(1) && reader->find_job(other.jobs[0].row.id));
      return code_of(answers.at(0));
    };
    const video_id unknown{random_raw_id(rng)};
    CAF_CHECK(claims(films, {unknown, known.id}) == errc::forbidden);
    CAF_CHECK_EQUAL(must(reader->find_video(known.id)).item.path, known.path);
    CAF_CHECK(claims(series, {unknown, known.id}) == errc::none);
    CAF_CHECK_EQUAL(must(reader->find_video(known.id)).item.path, "elsewhere.mkv");
  });
}

CAF_TEST(a violated key undoes the whole commit and the writer goes on) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{14};
    auto store = db.open();
    auto writer = must(store->open_writer());
    auto reader = must(store->open_reader());
    auto first = queued(rng);
    first.spec.submission_id = "same'";
    first.spec.unique_key = "key";
    must(commit(*writer, unit_with({{first, true}})));
    auto refused = [&](auto break_it) {
      auto other = queued(rng);
      auto second = queued(rng);
      break_it(second);
      auto good = unit_with({{other, true}});
      auto bad = unit_with({{second, true}});
      const ports::unit_of_work* units[] = {&good, &bad};
      CHECK_CODE(writer->commit(units), errc::conflict);
      CHECK_CODE(reader->find_job(other.id), errc::not_found);
    };
    refused([](job& x) { x.spec.submission_id = "same'"; });
    refused([](job& x) { x.spec.unique_key = "key"; });
    refused([&](job& x) { x.id = x.spec.id = first.id; });
    // A job that is not there can't be changed.
    CHECK_CODE(commit(*writer, unit_with({{queued(rng), false}})), errc::internal);
    // The key is free again once its job has ended; also within one unit, whatever the order.
    auto next = queued(rng);
    next.spec.unique_key = "key";
    first.state = job_state::failed;
    must(commit(*writer, unit_with({{next, true}, {first, false}})));
    // The submission id is not.
    refused([](job& x) { x.spec.submission_id = "same'"; });
    // Empty keys collide with nothing.
    auto a = queued(rng);
    auto b = queued(rng);
    a.spec.unique_key = b.spec.unique_key = a.spec.submission_id = b.spec.submission_id = "";
    must(commit(*writer, unit_with({{a, true}, {b, true}})));
  });
}

CAF_TEST(recovery gives the hot jobs in order with submissions of the archived ones) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{15};
    std::map<job_id, job> hot;
    std::map<std::string, job_id> archived;
    auto store = db.open();
    auto writer = must(store->open_writer());
    CAF_CHECK_EQUAL(must(writer->raise_term()), 1u);
    ports::unit_of_work unit;
    for (int i = 0; i < 300; ++i) {
      auto x = random_job(rng);
      if (!x.archived)
        hot[x.id] = x;
      else if (!x.spec.submission_id.empty())
        archived[x.spec.submission_id] = x.id;
      unit.jobs.push_back({x, true});
    }
    unit.queues = {{"video", true, 3, 77}, {"kind:transcode", false, 0, 5}};
    must(commit(*writer, unit));
    unit = {};
    unit.queues = {{"video", false, 4, 78}};
    node_rules nas;
    nas.name = "nas-2";
    nas.state = node_state::quarantined;
    nas.reason = "it's what others can do";
    nas.since = from_ms(1'700'000'000'123);
    nas.by_score = true;
    nas.evidence = {{job_id{{3, 4}}, "transcode", "died \"here\"", "nas-1", from_ms(77)}};
    nas.slots = {{"video", 0}, {"default", 7}};
    nas.weight = 250;
    nas.hours = {{0x1F, 1320, 360}, {0x60, 0, 1440}};
    node_rules other;
    other.name = "other's";
    unit.nodes = {other, nas};
    must(commit(*writer, unit));
    unit = {};
    other.weight = 50;
    unit.nodes = {other};
    must(commit(*writer, unit));
    writer.reset();
    store = db.open();
    writer = must(store->open_writer());
    CAF_CHECK_EQUAL(must(writer->raise_term()), 2u);
    auto loaded = must(writer->load_jobs());
    CAF_REQUIRE_EQUAL(loaded.jobs.size(), hot.size());
    auto expected = hot.begin();
    for (auto& x : loaded.jobs)
      CAF_REQUIRE(x == (expected++)->second);
    CAF_CHECK_EQUAL(loaded.archived_submissions.size(), archived.size());
    for (auto& [submission, id] : loaded.archived_submissions)
      CAF_CHECK(archived[submission] == id);
    CAF_REQUIRE_EQUAL(loaded.queues.size(), 2u);
    CAF_CHECK((loaded.queues[1] == queue_settings{"video", false, 4, 78}));
    CAF_CHECK((loaded.nodes == std::vector{nas, other}));
  });
}

CAF_TEST(removed jobs are gone and a unit may reuse their keys) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{16};
    auto store = db.open();
    auto writer = must(store->open_writer());
    auto reader = must(store->open_reader());
    auto x = queued(rng);
    x.spec.submission_id = "s";
    must(commit(*writer, unit_with({{x, true}})));
    auto y = queued(rng);
    y.spec.submission_id = "s";
    auto unit = unit_with({{x, false}, {y, true}});
    unit.removed_jobs = {x.id, job_id{{5, 5}}};
    must(commit(*writer, unit));
    CHECK_CODE(reader->find_job(x.id), errc::not_found);
    CAF_CHECK(must(reader->find_job(y.id)) == y);
    auto again = queued(rng);
    again.id = again.spec.id = y.id;
    again.spec.submission_id = "s";
    unit = unit_with({{again, true}});
    unit.removed_jobs = {y.id};
    must(commit(*writer, unit));
    CAF_CHECK(must(reader->find_job(y.id)) == again);
  });
}

CAF_TEST(history is purged by age parents before children) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{17};
    auto store = db.open();
    auto writer = must(store->open_writer());
    auto reader = must(store->open_reader());
    std::map<troupe::job_id, std::string> submissions;
    auto finished = [&](int64_t at, troupe::job_id parent, bool archived = true) {
      auto x = random_job(rng);
      x.state = job_state::completed;
      x.archived = archived;
      x.finished = from_ms(at);
      x.spec.parent = parent;
      must(commit(*writer, unit_with({{x, true}})));
      submissions[x.id] = x.spec.submission_id;
      return x.id;
    };
    auto hot = finished(10, {}, false);
    auto old_parent = finished(20, {});
    auto child = finished(15, old_parent);
    auto grandchild = finished(16, child);
    auto young_parent = finished(2000, {});
    auto child_of_young = finished(15, young_parent);
    auto orphan = finished(18, job_id{{4, 4}});
    auto child_of_hot = finished(5, hot);
    std::set<troupe::job_id> gone;
    auto purge = [&](uint32_t limit) {
      auto went = must(writer->purge_history(from_ms(1000), limit));
      for (auto& x : went) {
        CAF_CHECK_EQUAL(x.submission_id, submissions.at(x.id));
        gone.insert(x.id);
      }
      return went.size();
    };
    CAF_CHECK_EQUAL(purge(1), 1u);
    CAF_CHECK_EQUAL(purge(100), 3u);
    CAF_CHECK_EQUAL(purge(100), 0u);
    CAF_CHECK(gone == std::set({old_parent, child, grandchild, orphan}));
    for (auto id : {old_parent, child, grandchild, orphan})
      CAF_CHECK(!reader->find_job(id));
    for (auto id : {hot, young_parent, child_of_young, child_of_hot})
      CAF_CHECK(reader->find_job(id).has_value());
  });
}

CAF_TEST(lists of jobs) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{18};
    auto store = db.open();
    auto writer = must(store->open_writer());
    auto reader = must(store->open_reader());
    std::vector<job> all;
    for (int i = 0; i < 120; ++i) {
      all.push_back(random_job(rng));
      // Some are parts; of those some are nobody's.
      if (i % 7 < 3)
        all.back().spec.kind = i % 7 == 0 ? "encode_audio" : "encode_chunk";
      if (i % 5 == 1)
        all.back().spec.parent = all[0].id;
      if (i % 4 < 2) {
        all.back().state = job_state::waiting;
        all.back().archived = false;
        all.back().next.assign(i % 4, continuation{{{all[0].id, 1.0}}, "{}", 0.125, 0.5, "encode", {}});
      }
      must(commit(*writer, unit_with({{all.back(), true}})));
    }
    std::sort(all.begin(), all.end(), [](const job& a, const job& b) { return b.id < a.id; });
    auto check = [&](job_query query, auto wanted) {
      std::vector<job> expected;
      std::copy_if(all.begin(), all.end(), std::back_inserter(expected), wanted);
      query.limit = 7;
      std::vector<job> got;
      for (query.page = 1;; ++query.page) {
        auto page = must(reader->list_jobs(query));
        CAF_REQUIRE_EQUAL(page.total, expected.size());
        if (page.jobs.empty())
          break;
        got.insert(got.end(), page.jobs.begin(), page.jobs.end());
      }
      CAF_REQUIRE(got == expected);
    };
    check({}, [](auto& x) { return !x.archived; });
    job_query query;
    query.parts = false;
    auto is_part = [](auto& x) { return x.spec.parent && !find_job_kind(x.spec.kind)->whole.empty(); };
    CAF_REQUIRE(std::any_of(all.begin(), all.end(), is_part));
    check(query, [&](auto& x) { return !x.archived && !is_part(x); });
    query.status = "completed,failed,waiting";
    check(query, [&](auto& x) {
      return !x.archived && !is_part(x)
             && ("," + query.status + ",").find("," + std::string{to_string(shown_state(x))} + ",")
                  != std::string::npos;
    });
    query.status.clear();
    query.history = true;
    check(query, [&](auto& x) { return !is_part(x); });
    for (auto& kind : job_kinds())
      if (!kind.whole.empty()) {
        query.kind = kind.name;
        check(query, [&](auto& x) { return x.spec.kind == kind.name; });
      }
    query = {};
    query.history = true;
    check(query, [](auto&) { return true; });
    query.owner = "anna";
    query.kind = "ingest";
    query.queue = "video";
    check(query, [](auto& x) { return x.spec.owner == "anna" && x.spec.kind == "ingest" && x.spec.queue == "video"; });
    query = {};
    query.status = "failed,queued,";
    check(query, [](auto& x) { return !x.archived && (x.state == job_state::failed || x.state == job_state::queued); });
    // One that waits for jobs which it has handed its work to counts as running.
    for (auto status : {"running", "waiting", "running,queued", "waiting,failed", "running,waiting"}) {
      query = {};
      query.status = status;
      auto list = "," + query.status + ",";
      check(query, [&](auto& x) {
        return !x.archived && list.find("," + std::string{to_string(shown_state(x))} + ",") != std::string::npos;
      });
    }
    query = {};
    query.owner = "' OR '1'='1";
    check(query, [](auto&) { return false; });
    query = {};
    query.owner = std::string{"nul\0inside", 10};
    check(query, [&](auto& x) { return !x.archived && x.spec.owner == query.owner; });
    query = {};
    query.status = "queued,'nonsense";
    CHECK_CODE(reader->list_jobs(query), errc::validation);
    auto parent =
      *std::find_if(all.begin(), all.end(), [&](const job& x) { return !must(reader->children_of(x.id)).empty(); });
    CAF_CHECK_EQUAL(must(reader->children_of(parent.id)).size(), 24u);
    query = {};
    query.history = true;
    query.parent = parent.id;
    check(query, [&](auto& x) { return x.spec.parent == parent.id; });
    // None is a parent of nobody.
    CAF_CHECK(must(reader->children_of({})).empty());
  });
}

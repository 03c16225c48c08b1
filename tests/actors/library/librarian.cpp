#define CAF_SUITE library.librarian

#include "tests/actors/library/librarian_fixture.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace troupe::catalogue;

CAF_TEST_FIXTURE_SCOPE(librarian_tests, librarian_fixture)

CAF_TEST(the built in libraries are made once) {
  CAF_CHECK_EQUAL(store.libraries.size(), 2u);
  CAF_CHECK_EQUAL(store.libraries.at(uploads_library).root, "/data/uploads");
  auto list = ask<mesh::library_list>(librarian, mesh::get_libraries{}).value();
  CAF_CHECK_EQUAL(list.libraries.size(), 2u);
  CAF_CHECK(ask<mesh::done>(librarian, mesh::remove_library{uploads_library}).code() == errc::conflict);
  CAF_CHECK(ask<scan>(librarian, mesh::scan_library{uploads_library, "", ""}).code() == errc::conflict);
  auto commits = store.commits;
  end();
  begin();
  CAF_CHECK_EQUAL(store.commits, commits);
}

CAF_TEST(a store that is away at the start is asked again) {
  end();
  store.libraries.clear();
  store.commit_failures = {errc::io, errc::io};
  begin();
  CAF_CHECK(ask<mesh::library_list>(librarian, mesh::get_libraries{}).code() == errc::unavailable);
  pass(milliseconds{1'200});
  CAF_CHECK_EQUAL(ask<mesh::library_list>(librarian, mesh::get_libraries{}).value().libraries.size(), 2u);
}

CAF_TEST(a scan runs to its end with all its ingests) {
  auto id = films();
  join(10);
  auto s = scan_of(id);
  CAF_CHECK(scan_of(id).id == s.id);
  auto work = next("scan");
  CAF_CHECK(ask<mesh::done>(librarian, batch(s, {"a.mkv", "b.mkv"})).code() == errc::none);
  CAF_CHECK_EQUAL(store.videos.size(), 2u);
  auto one = next("ingest");
  auto two = next("ingest");
  hand_in(one.token, "{}", attempt_end::failed);
  hand_in(work.token);
  CAF_CHECK(store.scans.at(s.id).status == scan_status::caching);
  hand_in(two.token, "{}", attempt_end::failed);
  auto& ended = store.scans.at(s.id);
  CAF_CHECK(ended.status == scan_status::completed);
  CAF_CHECK(is_set(ended.finished));
  CAF_CHECK_EQUAL(ended.counters.at("assetsQueued"), 2);
  CAF_CHECK_EQUAL(ended.counters.at("errors"), 2);
  CAF_CHECK(scan_of(id).id != s.id);
}

CAF_TEST(an unfinished scan is shown as it is now) {
  auto id = films();
  join(10);
  auto s = scan_of(id);
  next("scan");
  ask<mesh::done>(librarian, batch(s, {"a.mkv", "b.mkv"}));
  auto counter = [&](const char* name) {
    auto one = ask<scan>(librarian, mesh::get_scan{s.id}).value();
    auto all = ask<mesh::scan_list>(librarian, mesh::get_scans{10}).value();
    CAF_REQUIRE_EQUAL(all.scans.size(), 1u);
    CAF_CHECK(all.scans[0].counters == one.counters);
    return one.counters[name];
  };
  CAF_CHECK_EQUAL(counter("assetsQueued"), 2);
  hand_in(next("ingest").token, "{}", attempt_end::failed);
  CAF_CHECK_EQUAL(counter("assetsFailed"), 1);
  // Its row is written with its batches only.
  CAF_CHECK(!store.scans.at(s.id).counters.contains("assetsFailed"));
  CAF_CHECK(ask<scan>(librarian, mesh::get_scan{scan_id{raw_id{1, 1}}}).code() == errc::not_found);
}

CAF_TEST(an ended scan is shown so before its row says it) {
  auto id = films();
  join(10);
  auto s = scan_of(id);
  auto work = next("scan");
  // The job's end and the scan's phase are written, the scan's end is not.
  store.commit_failures = {errc::none, errc::none, errc::io};
  hand_in(work.token);
  CAF_REQUIRE(store.scans.at(s.id).status != scan_status::completed);
  CAF_CHECK(ask<scan>(librarian, mesh::get_scan{s.id}).value().status == scan_status::completed);
  CAF_CHECK(ask<mesh::scan_list>(librarian, mesh::get_scans{10}).value().scans.at(0).status == scan_status::completed);
  pass(milliseconds{5'100});
  CAF_CHECK(store.scans.at(s.id).status == scan_status::completed);
}

CAF_TEST(a scan that failed or was cancelled ends so) {
  auto id = films();
  join(10);
  auto s = scan_of(id);
  hand_in(next("scan").token, "{}", attempt_end::failed);
  CAF_CHECK(store.scans.at(s.id).status == scan_status::failed);
  s = scan_of(id);
  ask<job>(dispatcher, mesh::act_on_job{*job_id::parse(s.job), mesh::job_action::cancel});
  CAF_CHECK(store.scans.at(s.id).status == scan_status::cancelled);
}

CAF_TEST(a librarian that restarts in the middle finds the end) {
  auto id = films();
  join(10);
  auto s = scan_of(id);
  auto work = next("scan");
  ask<mesh::done>(librarian, batch(s, {"a.mkv"}));
  end();
  hand_in(next("ingest").token, "{}", attempt_end::failed);
  hand_in(work.token);
  CAF_CHECK(store.scans.at(s.id).status < scan_status::completed);
  begin();
  CAF_CHECK(store.scans.at(s.id).status == scan_status::completed);
}

CAF_TEST(a scan whose job was never made ends after a restart) {
  auto id = films();
  scan lost;
  lost.id = scan_id{raw_id{4, 4}};
  lost.library = id;
  lost.job = job_id{raw_id{4, 5}}.str();
  store.scans[lost.id] = lost;
  end();
  begin();
  CAF_CHECK(store.scans.at(lost.id).status == scan_status::failed);
}

CAF_TEST(a check in between does not end a scan that is just being submitted) {
  auto id = films();
  // A first scan, so that checks are on their way.
  auto first = scan_of(id);
  library other;
  other.id = library_id{raw_id{9, 8}};
  other.name = other.category = "series";
  other.root = "/series";
  store.libraries[other.id] = other;
  end();
  begin();
  pass(milliseconds{4'900});
  close_door();
  auto second = ask<scan>(librarian, mesh::scan_library{other.id, "", ""});
  pass(milliseconds{300});
  open_door();
  pass(milliseconds{100});
  auto s = second.value();
  CAF_CHECK(store.scans.at(s.id).status < scan_status::completed);
  CAF_CHECK(store.jobs.contains(*job_id::parse(s.job)));
}

CAF_TEST(a batch of a lease that is lost changes nothing that anybody sees) {
  auto id = films();
  join(10);
  auto s = scan_of(id);
  auto stale = batch(s, {"a.mkv"});
  stale.token.attempt = 7;
  stale.counters["itemsFound"] = 99;
  stale.problems = {"x"};
  events->clear();
  CAF_CHECK(ask<mesh::done>(librarian, stale).code() == errc::stale_lease);
  CAF_CHECK(store.videos.empty());
  CAF_CHECK(events->empty());
  ask<mesh::done>(librarian, batch(s, {}));
  CAF_CHECK_EQUAL(store.scans.at(s.id).counters.at("itemsFound"), 0);
  CAF_CHECK(store.scans.at(s.id).problems.empty());
}

CAF_TEST(a batch is of the library of its scan and of its videos) {
  auto id = films();
  library other;
  other.id = library_id{raw_id{9, 8}};
  other.name = other.category = "series";
  other.root = "/series";
  store.libraries[other.id] = other;
  video theirs;
  theirs.id = video_id{raw_id{2, 3}};
  theirs.library = other.id;
  theirs.path = "pilot.mkv";
  theirs.version = {5, 5, 5};
  store.videos[theirs.id] = theirs;
  end();
  begin();
  join(10);
  auto s = scan_of(id);
  auto wrong = batch(s, {"a.mkv"});
  wrong.library = other.id;
  events->clear();
  CAF_CHECK(ask<mesh::done>(librarian, wrong).code() == errc::forbidden);
  // In the right library, with a video that is of another one.
  auto moves = batch(s, {"a.mkv", "b.mkv"});
  moves.changed[1].id = theirs.id;
  CAF_CHECK(ask<mesh::done>(librarian, moves).code() == errc::forbidden);
  auto misses = batch(s, {});
  misses.missing = {theirs.id};
  CAF_CHECK(ask<mesh::done>(librarian, misses).code() == errc::forbidden);
  CAF_CHECK_EQUAL(store.videos.size(), 1u);
  CAF_CHECK(store.videos.at(theirs.id) == theirs);
  CAF_CHECK(events->empty());
  CAF_CHECK(std::ranges::none_of(*assigned, [](auto& x) { return x.kind == "ingest"; }));
  // A video that is gone meanwhile is nobody else's.
  auto good = batch(s, {"a.mkv"});
  good.missing = {video_id{raw_id{2, 4}}};
  CAF_CHECK(ask<mesh::done>(librarian, good).code() == errc::none);
  CAF_CHECK_EQUAL(store.videos.size(), 2u);
}

CAF_TEST(missing files alone make caches forget) {
  auto id = films();
  video v;
  v.id = video_id{raw_id{2, 2}};
  v.library = id;
  v.path = "gone.mkv";
  store.videos[v.id] = v;
  join(10);
  auto s = scan_of(id);
  auto x = batch(s, {});
  x.missing = {v.id};
  seen->clear();
  ask<mesh::done>(librarian, x);
  CAF_CHECK(store.videos.at(v.id).state == video_state::missing);
  CAF_CHECK_EQUAL(count("invalidate"), 1u);
}

CAF_TEST(a full queue holds the walk and then sends it away without a burnt attempt) {
  auto id = films();
  join(10);
  auto s = scan_of(id);
  mesh::change_queue full;
  full.name = "kind:ingest";
  full.max_depth = 0;
  CAF_REQUIRE(ask<mesh::queue_list>(dispatcher, full).code() == errc::none);
  auto answer = ask<mesh::done>(librarian, batch(s, {"a.mkv"}));
  pass(milliseconds{10'000});
  ask<mesh::leases_renewed>(dispatcher, mesh::renew_leases{me, {store.jobs.at(*job_id::parse(s.job)).token()}});
  CAF_CHECK(!answer.done());
  pass(milliseconds{14'000});
  CAF_CHECK(answer.code() == errc::rate_limited);
  CAF_CHECK(default_class(answer.code()) == error_class::throttled);
}

CAF_TEST(a full queue that has room again takes what was held) {
  auto id = films();
  join(10);
  auto s = scan_of(id);
  mesh::change_queue limit;
  limit.name = "kind:ingest";
  limit.max_depth = 0;
  ask<mesh::queue_list>(dispatcher, limit);
  auto answer = ask<mesh::done>(librarian, batch(s, {"a.mkv"}));
  limit.max_depth = 10;
  ask<mesh::queue_list>(dispatcher, limit);
  pass(milliseconds{6'000});
  CAF_CHECK(answer.code() == errc::none);
  next("ingest");
}

CAF_TEST(a library that is removed ends its scan and takes no more of it) {
  auto id = films();
  join(10);
  auto s = scan_of(id);
  auto late = batch(s, {"a.mkv"});
  CAF_CHECK(ask<mesh::done>(librarian, mesh::remove_library{id}).code() == errc::none);
  CAF_CHECK(!store.libraries.contains(id));
  CAF_CHECK(store.scans.at(s.id).status == scan_status::cancelled);
  CAF_CHECK(ask<mesh::done>(librarian, late).code() == errc::conflict);
  CAF_CHECK(store.videos.empty());
}

CAF_TEST(an ingest that ends after its library was removed leaves no row) {
  auto id = films();
  join(10);
  auto s = scan_of(id);
  ask<mesh::done>(librarian, batch(s, {"a.mkv"}));
  auto work = next("ingest");
  ask<mesh::done>(librarian, mesh::remove_library{id});
  CAF_CHECK(store.videos.empty());
  hand_in(work.token, "{}", attempt_end::failed);
  CAF_CHECK(store.videos.empty());
}

CAF_TEST(the end of a scan that the store did not take is written later) {
  auto id = films();
  join(10);
  auto s = scan_of(id);
  auto work = next("scan");
  // The completion of the job, then the two states of the scan.
  store.commit_failures = {errc::none, errc::io, errc::io};
  hand_in(work.token);
  CAF_CHECK(store.scans.at(s.id).status < scan_status::completed);
  auto shown = [&] { return ask<scan>(librarian, mesh::get_scan{s.id}).value().status; };
  CAF_CHECK(shown() == scan_status::completed);
  pass(milliseconds{6'000});
  CAF_CHECK(store.scans.at(s.id).status == scan_status::completed);
  CAF_CHECK(shown() == scan_status::completed);
}

CAF_TEST(what a scan finds has the cause of the scan) {
  auto id = films();
  join(10);
  auto made = scan_of(id);
  CAF_CHECK_EQUAL(next("scan").traceparent, "t");
  ask<mesh::done>(librarian, batch(made, {"a.mkv"}));
  auto ingest = next("ingest");
  CAF_CHECK_EQUAL(ingest.request_id, "r");
  CAF_CHECK_EQUAL(ingest.traceparent, "t");
}

CAF_TEST_FIXTURE_SCOPE_END()

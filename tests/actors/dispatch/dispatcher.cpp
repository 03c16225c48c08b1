#define CAF_SUITE dispatch.dispatcher

#include "tests/support/coordinator_fixture.hpp"

#include "actors/media/payloads.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

struct fixture : coordinator_fixture {
  video_id film{raw_id{3, 3}};

  job_spec ingest() {
    work::ingest_payload payload;
    payload.video = film;
    payload.library = uploads_library;
    payload.path = "/data/uploads/a.mkv";
    payload.relative_path = "a.mkv";
    payload.title = "a";
    payload.category = "films";
    job_spec s;
    s.kind = "ingest";
    s.payload = encode(payload);
    return s;
  }

  std::string ingested() {
    return ingested(film, uploads_library);
  }
  std::string ingested(video_id id, library_id home) {
    work::ingest_result made;
    made.item.id = id;
    made.item.library = home;
    made.item.path = "a.mkv";
    made.item.title = "a";
    made.item.category = "films";
    made.item.media = "{}";
    return encode(made);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(dispatcher_tests, fixture)

CAF_TEST(a submission is answered and told of only after its commit) {
  start();
  close_door();
  auto receipt = submit(noop());
  CAF_CHECK(!receipt.done());
  CAF_CHECK(seen->empty());
  CAF_CHECK(store.jobs.empty());
  open_door();
  CAF_CHECK_EQUAL(receipt.value().receipts.size(), 1u);
  CAF_CHECK_EQUAL(store.jobs.size(), 1u);
  // To its own topic and to "jobs".
  CAF_CHECK_EQUAL(count("event job_progress"), 2u);
}

CAF_TEST(an assignment and a revocation leave only after their commit) {
  start();
  join();
  close_door();
  auto receipt = submit(noop());
  CAF_CHECK_EQUAL(count("assign"), 0u);
  open_door();
  CAF_REQUIRE_EQUAL(assigned->size(), 1u);
  CAF_CHECK(store.holds(assigned->front().token));
  close_door();
  auto cancelled = ask<job>(dispatcher, mesh::act_on_job{receipt.value().receipts[0].id, mesh::job_action::cancel});
  CAF_CHECK(!cancelled.done());
  CAF_CHECK_EQUAL(count("revoke"), 0u);
  CAF_CHECK_EQUAL(count("event job_cancelled"), 0u);
  open_door();
  CAF_CHECK(cancelled.value().state == job_state::cancelled);
  CAF_CHECK_EQUAL(count("revoke"), 1u);
}

CAF_TEST(a worker has its welcome before its first assignment) {
  start();
  submit_now(noop());
  worker_hello hello;
  hello.id = me;
  hello.kinds = {"noop"};
  hello.credit = {{"default", 1}};
  auto order = seen;
  // One mailbox for both, as at a real worker.
  auto worker = keep(sys.spawn([=, to = dispatcher](caf::event_based_actor* w) -> caf::behavior {
    w->request(to, caf::infinite, hello, caf::actor_cast<mesh::worker_link>(w)).then([=](const worker_welcome&) {
      order->push_back("welcome");
    });
    return {[=](const mesh::assign&) { order->push_back("assign"); }, [](const mesh::revoke&) {}};
  }));
  run();
  auto welcome = std::find(seen->begin(), seen->end(), "welcome");
  auto assign = std::find(seen->begin(), seen->end(), "assign");
  CAF_REQUIRE(welcome != seen->end());
  CAF_REQUIRE(assign != seen->end());
  CAF_CHECK(welcome < assign);
}

CAF_TEST(get waits for a transition that is not committed yet) {
  start();
  close_door();
  auto receipt = submit(noop("one"));
  auto all = ask<mesh::queue_list>(dispatcher, mesh::get_queues{});
  open_door();
  auto id = receipt.value().receipts[0].id;
  close_door();
  auto cancelled = ask<job>(dispatcher, mesh::act_on_job{id, mesh::job_action::cancel});
  auto found = ask<mesh::job_with_children>(dispatcher, mesh::get_job{id});
  CAF_CHECK(!found.done());
  open_door();
  CAF_CHECK(found.value().item.state == job_state::cancelled);
}

CAF_TEST(a failed commit answers everybody and the queue goes on from the store) {
  start();
  auto first = submit_now(noop());
  store.commit_failures = {errc::io};
  close_door();
  auto in_commit = submit(noop("lost"));
  auto behind = submit(noop("behind"));
  open_door();
  CAF_CHECK(in_commit.code() == errc::io);
  CAF_CHECK(behind.code() == errc::io);
  CAF_CHECK_EQUAL(store.jobs.size(), 1u);
  CAF_CHECK_EQUAL(store.recoveries, 2u);
  CAF_CHECK_EQUAL(store.term, 1u);
  auto again = submit(noop("lost")).value().receipts[0];
  CAF_CHECK(!again.existing);
  CAF_CHECK(get(first).state == job_state::queued);
}

CAF_TEST(while the disk is full everybody hears so and the queue is read ever more rarely) {
  start();
  store.commit_failures = std::deque<errc>(100, errc::storage_full);
  CAF_CHECK(submit(noop()).code() == errc::storage_full);
  // The first time it is read again at once.
  CAF_CHECK_EQUAL(store.recoveries, 2u);
  CAF_CHECK(submit(noop()).code() == errc::storage_full);
  CAF_CHECK_EQUAL(store.recoveries, 2u);
  auto commits = store.commits;
  for (int i = 0; i < 50; ++i)
    CAF_CHECK(submit(noop()).code() == errc::storage_full);
  CAF_CHECK_EQUAL(store.commits, commits);
  CAF_CHECK(ask<mesh::queue_list>(dispatcher, mesh::get_queues{}).code() == errc::storage_full);
  // Half a minute of tries: read 500, 1000, 2000, 4000, 5000, 5000 … ms after each other.
  for (int i = 0; i < 300; ++i) {
    submit(noop());
    pass(milliseconds{100});
  }
  CAF_CHECK(store.recoveries >= 8 && store.recoveries <= 11);
  store.commit_failures.clear();
  pass(milliseconds{5'000});
  submit_now(noop());
  // All is well again: the next failure is a first one.
  auto recoveries = store.recoveries;
  store.commit_failures = {errc::storage_full};
  CAF_CHECK(submit(noop()).code() == errc::storage_full);
  CAF_CHECK_EQUAL(store.recoveries, recoveries + 1);
  submit_now(noop());
}

CAF_TEST(a row that the database does not take is not told to strangers as what is wrong) {
  start();
  store.commit_failures = {errc::conflict, errc::conflict};
  CAF_CHECK(submit(noop()).code() == errc::conflict);
  CAF_CHECK(submit(noop()).code() == errc::conflict);
  CAF_CHECK(submit(noop()).code() == errc::unavailable);
}

CAF_TEST(it says once that it is ready when the queue is in memory) {
  int ready = 0;
  config.ready = [&](caf::local_actor*) {
    CAF_CHECK_EQUAL(store.recoveries, 1u);
    ++ready;
  };
  start();
  CAF_CHECK_EQUAL(ready, 1);
  store.commit_failures = {errc::io};
  submit(noop());
  CAF_CHECK_EQUAL(store.recoveries, 2u);
  CAF_CHECK_EQUAL(ready, 1);
}

CAF_TEST(an embedded worker of this life keeps its lease over a failed commit) {
  start();
  join(1, {}, true);
  auto id = submit_now(noop());
  CAF_REQUIRE_EQUAL(assigned->size(), 1u);
  auto token = assigned->front().token;
  store.commit_failures = {errc::io};
  CAF_CHECK(submit(noop()).code() == errc::io);
  CAF_CHECK(!ask<mesh::leases_renewed>(dispatcher, mesh::renew_leases{me, {token}}).value().known);
  CAF_CHECK(join(1, {token}, true).value().revoked.empty());
  CAF_CHECK(hand_in(token).value().stale.empty());
  CAF_CHECK(get(id).state == job_state::completed);
  CAF_CHECK_EQUAL(get(id).attempt, 1u);
}

CAF_TEST(what a worker says of itself is kept within bounds) {
  start();
  worker_hello x;
  x.id = me;
  x.node_name = "node";
  x.kinds.assign(5'000, "noop");
  x.credit.assign(5'000, {"default", 1});
  x.capabilities.assign(5'000, "encoder:x");
  x.capabilities.front() = std::string(2'000'000, 'x');
  x.software = x.file_address = std::string(2'000'000, 'x');
  x.held.assign(200'000, {1, job_id{raw_id{1, 1}}, 1});
  auto link = keep(sys.spawn(link_stub, seen, assigned));
  CAF_CHECK(ask<worker_welcome>(dispatcher, x, link).value().revoked.size() <= 100'000);
  auto known = ask<mesh::worker_list>(dispatcher, mesh::get_workers{}).value().workers.at(0);
  size_t bytes = known.software.size() + known.file_address.size();
  for (auto& text : known.capabilities)
    bytes += text.size();
  CAF_CHECK_LESS(bytes, 20'000u);
  CAF_CHECK(known.credit.size() <= 1'000);
}

CAF_TEST(what a worker has kept is not forgotten for a commit that fails) {
  start();
  join(1);
  auto id = submit_now(noop());
  auto token = assigned->at(0).token;
  close_door();
  auto handed = hand_in(token);
  CAF_CHECK(!handed.done());
  // It has its outcome still, and the database has heard nothing.
  auto renewed = ask<mesh::leases_renewed>(dispatcher, mesh::renew_leases{me, {token}}).value();
  CAF_CHECK(renewed.known && renewed.revoked.empty());
  store.commit_failures = {errc::io};
  open_door();
  CAF_CHECK(handed.code() == errc::io);
  CAF_CHECK(get(id).state == job_state::running);
  CAF_CHECK(join(1, {token}).value().revoked.empty());
  CAF_CHECK(hand_in(token).value().stale.empty());
  CAF_CHECK(get(id).state == job_state::completed);
  // Written: now it may.
  CAF_CHECK_EQUAL(ask<mesh::leases_renewed>(dispatcher, mesh::renew_leases{me, {token}}).value().revoked.size(), 1u);
}

CAF_TEST(a coordinator that stood still gives everybody a lease to be heard in) {
  start();
  join(1);
  auto id = submit_now(noop());
  auto token = assigned->at(0).token;
  pass(milliseconds{1'000});
  // Time alone goes on; then its own timer comes before what workers have sent meanwhile.
  clk.advance(milliseconds{60'000});
  sched.clock().advance_time(milliseconds{60'000});
  run();
  CAF_CHECK(get(id).state == job_state::running);
  auto renewed = ask<mesh::leases_renewed>(dispatcher, mesh::renew_leases{me, {token}}).value();
  CAF_CHECK(renewed.known && renewed.revoked.empty());
  pass(milliseconds{14'000});
  CAF_CHECK_EQUAL(get(id).attempt, 1u);
  CAF_CHECK_EQUAL(get(id).failures, 0u);
  // Who is not heard then is lost as ever.
  pass(milliseconds{2'000});
  CAF_CHECK_EQUAL(get(id).failures, 1u);
}

CAF_TEST(an embedded worker of the life before is interrupted and burns nothing) {
  start();
  join(1, {}, true);
  auto id = submit_now(noop());
  stop();
  *config.life = 0;
  start();
  auto found = get(id);
  CAF_CHECK(found.state == job_state::queued);
  CAF_CHECK_EQUAL(found.failures, 0u);
  CAF_CHECK_EQUAL(store.term, 2u);
}

CAF_TEST(a hand in of a stale token changes nothing) {
  start();
  join();
  auto id = submit_now(ingest());
  auto token = assigned->at(0).token;
  pass(milliseconds{16'000});
  CAF_CHECK(get(id).state == job_state::queued);
  auto answer = hand_in(token, ingested()).value();
  CAF_CHECK_EQUAL(answer.stale.size(), 1u);
  CAF_CHECK(store.videos.empty());
  CAF_CHECK_EQUAL(get(id).failures, 1u);
  CAF_CHECK(!is_terminal(get(id).state));
}

CAF_TEST(a lost attempt is revoked before the next one is given out) {
  start();
  join();
  auto id = submit_now(noop());
  auto token = assigned->at(0).token;
  // The worker is there and knows nothing of it: its assignment was lost.
  pass(milliseconds{10'000});
  ask<mesh::leases_renewed>(dispatcher, mesh::renew_leases{me, {}});
  seen->clear();
  pass(milliseconds{6'000});
  CAF_CHECK(get(id).state == job_state::running);
  CAF_CHECK_EQUAL(get(id).attempt, 2u);
  CAF_CHECK_EQUAL(get(id).failures, 1u);
  auto revoke = std::find(seen->begin(), seen->end(), "revoke");
  auto assign = std::find(seen->begin(), seen->end(), "assign");
  CAF_REQUIRE(revoke != seen->end() && assign != seen->end());
  CAF_CHECK(revoke < assign);
  CAF_CHECK_EQUAL(hand_in(token).value().stale.size(), 1u);
  auto lists = ask<mesh::queue_list>(dispatcher, mesh::get_queues{}).value();
  uint64_t retries = 0;
  for (auto& x : lists.queues)
    if (auto n = x.ended.retries.find("transient"); x.settings.name == "default" && n != x.ended.retries.end())
      retries += n->second;
  CAF_CHECK_EQUAL(retries, 1u);
}

CAF_TEST(a result is published in the commit that completes its job and caches forget before anybody hears) {
  start();
  join();
  auto id = submit_now(ingest());
  seen->clear();
  close_door();
  auto answer = hand_in(assigned->at(0).token, ingested());
  CAF_CHECK(!answer.done());
  CAF_CHECK(seen->empty());
  auto before = store.commits;
  open_door();
  CAF_CHECK(answer.done());
  CAF_CHECK_EQUAL(store.commits, before + 1);
  CAF_CHECK(store.jobs.at(id).state == job_state::completed);
  CAF_CHECK(store.videos.at(film).state == video_state::ready);
  CAF_REQUIRE(!seen->empty());
  CAF_CHECK_EQUAL(seen->front(), "invalidate");
}

CAF_TEST(a result that can not be read fails the job for good) {
  start();
  join();
  auto id = submit_now(ingest());
  CAF_CHECK(hand_in(assigned->at(0).token, R"({"video":[]})").value().stale.empty());
  CAF_CHECK(get(id).state == job_state::failed);
  CAF_CHECK(store.videos.empty());
}

CAF_TEST(a result of another video than that of the job is refused and names both) {
  start();
  join(3);
  video_id other{raw_id{4, 4}};
  library_id elsewhere{raw_id{5, 5}};
  auto refused = [&](const std::string& result) {
    auto id = submit_now(ingest());
    hand_in(assigned->back().token, result);
    CAF_CHECK(get(id).state == job_state::failed);
    CAF_CHECK_EQUAL(get(id).failures, 1u);
    CAF_CHECK(store.videos.empty());
    return get(id).last_error.message;
  };
  auto text = refused(ingested(other, uploads_library));
  CAF_CHECK(text.find(other.str()) != std::string::npos);
  CAF_CHECK(text.find(film.str()) != std::string::npos);
  text = refused(ingested(film, elsewhere));
  CAF_CHECK(text.find(elsewhere.str()) != std::string::npos);
  work::transcode_payload wanted{film, *find_profile("remux")};
  job_spec spec;
  spec.kind = "transcode";
  spec.payload = encode(wanted);
  auto id = submit_now(spec);
  work::transcode_result made;
  made.item.video = other;
  hand_in(assigned->back().token, encode(made));
  CAF_CHECK(get(id).state == job_state::failed);
  CAF_CHECK(get(id).last_error.message.find(other.str()) != std::string::npos);
  CAF_CHECK(store.renditions.empty());
}

CAF_TEST(nothing is published of a result that is too large) {
  config.on_completed = [this](const job&, const std::string&) -> result<dispatch::consequences> {
    dispatch::consequences out;
    video v;
    v.id = film;
    out.catalogue.added.push_back(v);
    return out;
  };
  start();
  join();
  auto id = submit_now(noop());
  hand_in(assigned->at(0).token, '"' + std::string(max_result_bytes, 'x') + '"');
  CAF_CHECK(get(id).state == job_state::failed);
  CAF_CHECK(store.videos.empty());
}

CAF_TEST(an exception out of a publication is a failure of the job and not of the dispatcher) {
  config.on_completed = [](const job&, const std::string&) -> result<dispatch::consequences> {
    throw std::out_of_range{"at"};
  };
  config.on_ended = [](const job&) -> dispatch::consequences { throw std::out_of_range{"at"}; };
  start();
  join();
  auto id = submit_now(noop());
  hand_in(assigned->at(0).token);
  CAF_CHECK(get(id).state == job_state::failed);
}

CAF_TEST(a download is followed by its ingest in the same commit) {
  start();
  join();
  job_spec spec;
  spec.kind = "download";
  spec.payload = R"({"url":"http://example.org/x.mkv"})";
  auto id = submit_now(spec);
  work::download_result made;
  made.path = "/data/downloads/x.mkv";
  made.relative_path = "x.mkv";
  made.version = {1, 1, 1};
  made.content_type = "video/mp4";
  made.title = "x";
  auto before = store.commits;
  hand_in(assigned->at(0).token, encode(made));
  CAF_CHECK_EQUAL(store.commits, before + 1);
  CAF_CHECK(store.jobs.at(id).state == job_state::completed);
  CAF_REQUIRE_EQUAL(assigned->size(), 2u);
  CAF_CHECK_EQUAL(assigned->at(1).kind, "ingest");
  CAF_CHECK(store.jobs.at(assigned->at(1).token.job).spec.parent == id);
}

CAF_TEST(a link that is down gets nothing more and a new link of the worker does) {
  start();
  join(4);
  auto first = submit_now(noop());
  CAF_CHECK_EQUAL(assigned->size(), 1u);
  self->send_exit(link, caf::exit_reason::kill);
  run();
  submit_now(noop());
  CAF_CHECK_EQUAL(assigned->size(), 1u);
  CAF_CHECK(get(first).state == job_state::running);
  join(4, {assigned->at(0).token});
  CAF_CHECK_EQUAL(assigned->size(), 2u);
  CAF_CHECK_EQUAL(get(first).attempt, 1u);
}

CAF_TEST(the DOWN of a link that was replaced does no harm) {
  start();
  join(4);
  auto old = link;
  join(4);
  self->send_exit(old, caf::exit_reason::kill);
  run();
  submit_now(noop());
  CAF_CHECK_EQUAL(assigned->size(), 1u);
}

CAF_TEST(credit that grows during a commit is used when the commit is done) {
  start();
  join(0);
  auto id = submit_now(noop());
  close_door();
  submit(noop());
  self->send(dispatcher, mesh::change_credit{me, {{"default", 4}}});
  run();
  open_door();
  CAF_CHECK(get(id).state == job_state::running);
  CAF_CHECK_EQUAL(assigned->size(), 2u);
}

CAF_TEST(a deadline that passes during a commit is not the last one) {
  start();
  join(1);
  auto running = submit_now(noop());
  auto token = assigned->at(0).token;
  pass(milliseconds{10'000});
  ask<mesh::leases_renewed>(dispatcher, mesh::renew_leases{me, {token}});
  close_door();
  submit(noop());
  // The timer of the first lease end fires here and finds the lease renewed.
  pass(milliseconds{6'000});
  open_door();
  seen->clear();
  pass(milliseconds{12'000});
  CAF_CHECK(get(running).state != job_state::running);
}

CAF_TEST(a silent worker gets work again once it is heard) {
  start();
  join(2);
  auto kept = submit_now(noop());
  auto token = assigned->at(0).token;
  // Only the lease is renewed late: the worker was suspect in between.
  pass(milliseconds{14'000});
  ask<mesh::leases_renewed>(dispatcher, mesh::renew_leases{me, {token}});
  pass(milliseconds{14'900});
  submit_now(noop());
  ask<mesh::leases_renewed>(dispatcher, mesh::renew_leases{me, {token}});
  CAF_CHECK(get(kept).state == job_state::running);
  CAF_CHECK_EQUAL(assigned->size(), 2u);
}

CAF_TEST(a queue change is committed and survives a restart) {
  start();
  mesh::change_queue change;
  change.name = "video";
  change.paused = 1;
  change.max_running = 3;
  CAF_CHECK(!ask<mesh::queue_list>(dispatcher, change).value().queues.empty());
  CAF_CHECK(store.queues.at("video").paused);
  change.name = "nowhere";
  CAF_CHECK(ask<mesh::queue_list>(dispatcher, change).code() == errc::not_found);
  stop();
  start();
  for (auto& q : ask<mesh::queue_list>(dispatcher, mesh::get_queues{}).value().queues)
    if (q.settings.name == "video") {
      CAF_CHECK(q.settings.paused);
      CAF_CHECK_EQUAL(q.settings.max_running, 3u);
    }
}

CAF_TEST(a node is drained and back while it works and its rules survive a restart) {
  start();
  join(2);
  mesh::change_node change;
  change.name = "node";
  change.action = mesh::node_action::drain;
  change.reason = "new fans";
  change.slots["default"] = 1;
  change.weight = 50;
  change.set_hours = true;
  change.hours = {{0x7F, 0, 1440}};
  auto nodes = ask<mesh::node_list>(dispatcher, change).value().nodes;
  CAF_REQUIRE_EQUAL(nodes.size(), 1u);
  CAF_CHECK(!nodes[0].open && nodes[0].rules.state == node_state::draining);
  CAF_CHECK_EQUAL(nodes[0].closed, "is drained: new fans");
  CAF_CHECK_EQUAL(store.nodes.at("node").weight, 50u);
  auto id = submit_now(noop());
  CAF_CHECK(get(id).state == job_state::queued);
  stop();
  start();
  join(2);
  CAF_CHECK(get(id).state == job_state::queued);
  mesh::change_node back;
  back.name = "node";
  back.action = mesh::node_action::undrain;
  back.slots["default"] = -1;
  ask<mesh::node_list>(dispatcher, back);
  CAF_CHECK(get(id).state == job_state::running);
  auto now = ask<mesh::node_list>(dispatcher, mesh::get_nodes{}).value().nodes.at(0);
  CAF_CHECK(now.open && now.rules.slots.empty());
  CAF_CHECK_EQUAL(now.rules.hours.size(), 1u);
  CAF_CHECK_EQUAL(now.running, 1u);
  change.slots["nowhere"] = 3;
  auto refused = ask<mesh::node_list>(dispatcher, change).failure();
  CAF_CHECK(refused.code == errc::validation);
  CAF_CHECK_EQUAL(store.nodes.at("node").state == node_state::active, true);
}

CAF_TEST(dependencies that left memory are looked up and unknown ones refused) {
  job old;
  old.id = job_id{raw_id{1, 1}};
  old.spec.kind = "noop";
  old.spec.queue = "default";
  old.state = job_state::completed;
  old.archived = true;
  store.jobs[old.id] = old;
  start();
  auto after = noop();
  after.depends_on = {old.id};
  CAF_CHECK(get(submit_now(after)).state == job_state::queued);
  after.depends_on = {job_id{raw_id{1, 2}}};
  CAF_CHECK(submit(after).code() == errc::validation);
  store.read_failures = {errc::unavailable};
  after.depends_on = {old.id};
  CAF_CHECK(submit(after).code() == errc::unavailable);
}

CAF_TEST(the receipt of an archived submission says how that job ended) {
  job old;
  old.id = job_id{raw_id{1, 1}};
  old.spec.kind = "noop";
  old.spec.queue = "default";
  old.spec.submission_id = "mine";
  old.state = job_state::failed;
  old.archived = true;
  store.jobs[old.id] = old;
  start();
  auto receipt = submit(noop("mine")).value().receipts.at(0);
  CAF_CHECK(receipt.existing);
  CAF_CHECK(receipt.id == old.id);
  CAF_CHECK(receipt.state == job_state::failed);
}

CAF_TEST(keys over 512 bytes are refused before the database sees them) {
  start();
  CAF_CHECK(submit(noop(std::string(512, 'x'))).code() == errc::none);
  CAF_CHECK(submit(noop(std::string(513, 'x'))).code() == errc::validation);
  auto spec = noop();
  spec.unique_key = std::string(513, 'x');
  CAF_CHECK(submit(spec).code() == errc::validation);
}

CAF_TEST(a hello without a handle is refused) {
  start();
  worker_hello hello;
  hello.id = me;
  CAF_CHECK(ask<worker_welcome>(dispatcher, hello, mesh::worker_link{}).code() == errc::protocol);
  submit_now(noop());
}

CAF_TEST(ended jobs are counted when they are committed and over a recovery) {
  start();
  join();
  auto id = submit_now(noop());
  auto counted = [&] {
    for (auto& q : ask<mesh::queue_list>(dispatcher, mesh::get_queues{}).value().queues)
      if (q.settings.name == "kind:noop")
        return q.ended;
    return ended_jobs{};
  };
  CAF_CHECK(counted().by_state.empty());
  close_door();
  hand_in(assigned->at(0).token);
  CAF_CHECK(counted().by_state.empty());
  open_door();
  CAF_CHECK(get(id).state == job_state::completed);
  CAF_CHECK_EQUAL(counted().by_state["completed"], 1u);
  CAF_CHECK_EQUAL(counted().durations.size(), job_duration_bounds.size() + 1);
  store.commit_failures = {errc::io};
  CAF_CHECK(submit(noop()).code() == errc::io);
  pass(milliseconds{1'000});
  CAF_CHECK_EQUAL(counted().by_state["completed"], 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()

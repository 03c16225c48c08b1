#define CAF_SUITE library.librarian

#include "tests/support/coordinator_fixture.hpp"
#include "tests/support/no_files.hpp"

#include "actors/library/librarian.hpp"
#include "actors/library/payloads.hpp"
#include "actors/media/attempt.hpp"
#include "actors/media/payloads.hpp"

#include <mutex>
#include <thread>

using namespace troupe;
using namespace troupe::test;
using namespace troupe::catalogue;

namespace {

/// Folders that are there, and what was removed.
class folders final : public no_files {
public:
  std::set<std::string> there;

  result<void> remove(const std::string& path) override {
    std::lock_guard guard{mutex_};
    removed_.insert(path);
    return {};
  }
  std::set<std::string> removed() {
    std::lock_guard guard{mutex_};
    return removed_;
  }

  result<ports::disk_space> space(const std::string& path) override {
    if (there.contains(path))
      return ports::disk_space{};
    return {errc::not_found, path};
  }

private:
  std::mutex mutex_;
  std::set<std::string> removed_;
};

struct fixture : coordinator_fixture {
  std::shared_ptr<folders> disk = std::make_shared<folders>();
  mesh::librarian librarian;
  dispatch::observer ears;

  fixture() {
    // The dispatcher tells the librarian, whoever is that at the time.
    observer = keep(sys.spawn([this](dispatch::observer::pointer listener) -> dispatch::observer::behavior_type {
      return {[this, listener](const dispatch::job_changed& x) {
        if (ears)
          listener->send(ears, x);
      }};
    }));
    disk->there = {"/films", "/series"};
    start();
    begin();
  }

  void begin() {
    librarian_config c;
    c.data_folder = "/data";
    c.files = disk;
    c.time = config.time;
    c.catalogue_changed = [out = seen] { out->push_back("invalidate"); };
    librarian_peers peers;
    peers.journal = caf::actor_cast<dispatch::journal>(door);
    peers.jobs = caf::actor_cast<mesh::job_client>(dispatcher);
    peers.reader = reader;
    peers.notifier = notifier;
    auto made = keep(sys.spawn(catalogue::librarian, c, peers));
    librarian = caf::actor_cast<mesh::librarian>(made);
    ears = caf::actor_cast<dispatch::observer>(made);
    pass(milliseconds{20});
  }

  void end() {
    self->send_exit(librarian, caf::exit_reason::kill);
    run();
  }

  /// As put into the store by an earlier life, since adding one asks a thread of its own.
  library_id films(std::string root = "/films") {
    library x;
    x.id = library_id{raw_id{9, 9}};
    x.name = x.category = "films";
    x.root = std::move(root);
    store.libraries[x.id] = x;
    end();
    begin();
    return x.id;
  }

  scan scan_of(library_id id) {
    return ask<scan>(librarian, mesh::scan_library{id, "r", "t"}).value();
  }

  mesh::scan_batch batch(const scan& s, std::vector<std::string> paths) {
    mesh::scan_batch x;
    x.token = store.jobs.at(*job_id::parse(s.job)).token();
    x.scan = s.id;
    x.library = s.library;
    for (auto& path : paths)
      x.changed.push_back({{}, path, {1, 1, 1}, video_state::pending});
    x.counters["itemsFound"] = static_cast<int64_t>(paths.size());
    return x;
  }

  /// A film that a scan has found, and the job that takes it in.
  struct found_film {
    video_id id;
    assignment work;
    std::string picture;
    std::string result;
  };
  found_film found(library_id home) {
    join(10);
    auto s = scan_of(home);
    ask<mesh::done>(librarian, batch(s, {"a.mkv"}));
    found_film out;
    out.work = next("ingest");
    out.id = store.videos.begin()->first;
    out.picture = "artwork/xx/" + work::output_name(out.work.token) + "-320.jpg";
    work::ingest_result made;
    made.item = store.videos.at(out.id);
    made.item.media = "{}";
    made.item.thumbnails = {{320, 180, out.picture}};
    out.result = encode(made);
    return out;
  }

  /// File work is done by threads of their own.
  template <class F>
  bool eventually(F f) {
    for (int i = 0; i < 2'000 && !f(); ++i) {
      std::this_thread::sleep_for(milliseconds{1});
      run();
    }
    return f();
  }
  void remove(video_id id, bool with_file) {
    auto answer = ask<mesh::done>(librarian, mesh::remove_video{id, with_file});
    CAF_REQUIRE(eventually([&] { return answer.done(); }));
    CAF_REQUIRE(answer.code() == errc::none);
  }

  assignment next(const std::string& kind) {
    for (auto i = assigned->begin(); i != assigned->end(); ++i)
      if (i->kind == kind) {
        auto out = *i;
        assigned->erase(i);
        return out;
      }
    CAF_FAIL("no assignment of kind " << kind);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(librarian_tests, fixture)

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

CAF_TEST(what an ingest made after its library was removed leaves neither row nor file) {
  auto id = films();
  auto film = found(id);
  // Else the removal would cancel all that belongs to the scan.
  hand_in(next("scan").token);
  ask<mesh::done>(librarian, mesh::remove_library{id});
  hand_in(film.work.token, film.result);
  CAF_CHECK(store.videos.empty());
  CAF_CHECK(eventually([&] { return disk->removed().contains("/data/" + film.picture); }));
}

CAF_TEST(what is made of a film that was removed with its file changes nothing and leaves no file) {
  auto film = found(films());
  remove(film.id, true);
  CAF_CHECK(hand_in(film.work.token, film.result).value().stale.empty());
  CAF_CHECK(store.videos.empty());
  CAF_CHECK(eventually([&] { return disk->removed().contains("/data/" + film.picture); }));
  CAF_CHECK(disk->removed().contains("/films/a.mkv"));
}

CAF_TEST(what is made of a film that was removed from the catalogue only changes nothing and leaves no file) {
  auto film = found(films());
  remove(film.id, false);
  CAF_CHECK(hand_in(film.work.token, film.result).value().stale.empty());
  CAF_CHECK(store.videos.at(film.id).state == video_state::removed);
  CAF_CHECK(store.videos.at(film.id).media.empty());
  CAF_CHECK(eventually([&] { return disk->removed().contains("/data/" + film.picture); }));
  CAF_CHECK(!disk->removed().contains("/films/a.mkv"));
}

CAF_TEST(the failure of a film that was removed meanwhile does not bring it back) {
  auto film = found(films());
  remove(film.id, true);
  hand_in(film.work.token, "{}", attempt_end::failed);
  CAF_CHECK(store.videos.empty());
}

CAF_TEST(a result that came before the removal goes with the film and one that is repeated is stale) {
  auto film = found(films());
  hand_in(film.work.token, film.result);
  CAF_CHECK(store.videos.at(film.id).state == video_state::ready);
  remove(film.id, true);
  CAF_CHECK_EQUAL(hand_in(film.work.token, film.result).value().stale.size(), 1u);
  CAF_CHECK(store.videos.empty());
}

CAF_TEST(a rendition of a film that was removed meanwhile is not published) {
  auto film = found(films());
  hand_in(film.work.token, film.result);
  work::transcode_payload wanted;
  wanted.video = film.id;
  wanted.profile = *find_profile("remux");
  job_spec spec;
  spec.kind = "transcode";
  spec.payload = encode(wanted);
  submit_now(spec);
  auto work = next("transcode");
  remove(film.id, false);
  work::transcode_result made;
  made.item.video = film.id;
  made.item.file = "renditions/" + work::output_name(work.token) + ".mp4";
  CAF_CHECK(hand_in(work.token, encode(made)).value().stale.empty());
  CAF_CHECK(store.renditions.empty());
  CAF_CHECK(eventually([&] { return disk->removed().contains("/data/" + made.item.file); }));
  CAF_CHECK(!disk->removed().contains("/data/" + film.picture));
}

CAF_TEST(an upload that is removed before its ingest has ended is not there yet and stays away after it) {
  join(10);
  submit_now(ingest_upload_spec("/data/uploads", job_id{random_id()}.str() + "/a.mkv", "a.mkv", "films"));
  auto work = next("ingest");
  auto id = target_of(store.jobs.at(work.token.job))->video;
  CAF_CHECK(ask<mesh::done>(librarian, mesh::remove_video{id, false}).code() == errc::not_found);
  work::ingest_result made;
  made.item.id = id;
  made.item.library = uploads_library;
  made.item.path = "x/a.mkv";
  made.item.media = "{}";
  hand_in(work.token, encode(made));
  CAF_CHECK(store.videos.at(id).state == video_state::ready);
  remove(id, false);
  CAF_CHECK(store.videos.empty());
  CAF_CHECK(disk->removed().contains("/data/uploads/x/a.mkv"));
  CAF_CHECK_EQUAL(hand_in(work.token, encode(made)).value().stale.size(), 1u);
  CAF_CHECK(store.videos.empty());
}

CAF_TEST(a download that ends without a film takes what it has fetched along) {
  join(10);
  auto start_download = [this] {
    job_spec spec;
    spec.kind = "download";
    spec.payload = encode(work::download_payload{"https://example.org/f.mp4", "", ""});
    submit_now(spec);
    return next("download").token;
  };
  auto part = [](const lease_token& token) { return "/data/tmp/" + token.job.str() + ".part"; };
  auto broken = [](const lease_token& token) {
    attempt_outcome out;
    out.token = token;
    out.end = attempt_end::failed;
    out.failure = {errc::io, "the connection broke"};
    out.cls = error_class::transient;
    return out;
  };
  auto running = start_download();
  auto waiting = start_download();
  auto failing = start_download();
  ask<mesh::handed_in>(dispatcher, mesh::hand_in{me, {broken(waiting)}});
  CAF_CHECK(get(waiting.job).state == job_state::delayed);
  hand_in(failing, "{}", attempt_end::failed);
  CAF_CHECK(eventually([&] { return disk->removed().contains(part(failing) + ".state"); }));
  CAF_CHECK(!disk->removed().contains(part(running)));
  CAF_CHECK(!disk->removed().contains(part(waiting)));
  for (auto& token : {running, waiting}) {
    ask<job>(dispatcher, mesh::act_on_job{token.job, mesh::job_action::cancel});
    CAF_CHECK(eventually([&] { return disk->removed().contains(part(token) + ".state"); }));
    CAF_CHECK(disk->removed().contains(part(token)));
  }
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
  pass(milliseconds{6'000});
  CAF_CHECK(store.scans.at(s.id).status == scan_status::completed);
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

#define CAF_SUITE media.work

#include "tests/actors/media/work_fixture.hpp"

using namespace troupe;
using namespace troupe::work;
using namespace troupe::test;

CAF_TEST_FIXTURE_SCOPE(work_tests, work_fixture)

CAF_TEST(ingest makes a row and its pictures) {
  ask_ingest();
  auto made = ingest(a, shop);
  CAF_REQUIRE(made.has_value());
  auto row = decode_ingest_result(*made);
  CAF_REQUIRE(row.has_value());
  CAF_CHECK_EQUAL(row->item.title, "film");
  CAF_CHECK_EQUAL(row->item.width, 640u);
  CAF_CHECK_EQUAL(row->item.category, "films");
  CAF_CHECK(row->item.version == *shop.files->version_of(root + "/in/film.MP4"));
  CAF_CHECK(decode_media_info(row->item.media).has_value());
  auto id = a.job.token.job.str();
  auto folder = "artwork/" + id.substr(id.size() - 2) + "/" + base();
  // 1280 would be upscaled: the same picture as 640.
  CAF_CHECK_EQUAL(left(), (std::vector{folder + "-320.jpg", folder + "-640.jpg"}));
  CAF_REQUIRE_EQUAL(row->item.thumbnails.size(), 2u);
  CAF_CHECK_EQUAL(row->item.thumbnails[0].file, folder + "-320.jpg");
  CAF_CHECK_EQUAL(a.stages, (std::vector<std::string>{"probe", "thumbnails", "index"}));
  CAF_CHECK(!fs::exists(shop.data_folder + "/tmp/" + a.job.token.str()));
}

CAF_TEST(pictures are made as WebP beside JPEG where a worker is told to) {
  shop.webp = true;
  ask_ingest();
  auto made = ingest(a, shop);
  CAF_REQUIRE(made.has_value());
  auto row = decode_ingest_result(*made);
  CAF_REQUIRE(row.has_value());
  auto id = a.job.token.job.str();
  auto folder = "artwork/" + id.substr(id.size() - 2) + "/" + base();
  CAF_CHECK_EQUAL(left(),
                  (std::vector{folder + "-320.jpg", folder + "-320.webp", folder + "-640.jpg", folder + "-640.webp"}));
  CAF_CHECK_EQUAL(row->item.thumbnails.size(), 4u);
  // One address for both: who asks says what it takes.
  auto text = outward_json(row->item);
  CAF_CHECK_EQUAL(text.find("?width=320"), text.rfind("?width=320"));
}

CAF_TEST(whatever fails leaves no file) {
  for (auto op : {exec::op::probe, exec::op::thumbnail, exec::op::transcode, exec::op::verify}) {
    a.fail_at = op;
    bool transcodes = op == exec::op::transcode || op == exec::op::verify;
    transcodes ? ask_transcode() : ask_ingest();
    auto out = run_attempt(a, [&](attempt& x) { return transcodes ? transcode(x, shop) : ingest(x, shop); });
    CAF_CHECK(out.end == attempt_end::failed);
    CAF_CHECK(out.failure.code == errc::bad_media);
    CAF_CHECK(out.cls == error_class::permanent);
    CAF_CHECK_EQUAL(out.log_tail, "last line\n");
    CAF_CHECK(left().empty());
    CAF_CHECK(!fs::exists(shop.data_folder + "/tmp/" + a.job.token.str()));
  }
  CAF_CHECK_EQUAL(*shop.files->read_text(root + "/in/film.MP4"), "bytes");
}

CAF_TEST(sound gets a picture and is worth having without one) {
  a.sound = true;
  ask_ingest();
  auto with = run_attempt(a, [&](attempt& x) { return ingest(x, shop); });
  CAF_REQUIRE(with.end == attempt_end::completed);
  auto row = decode_ingest_result(with.result);
  CAF_CHECK_EQUAL(row->item.audio_codec, "mp3");
  CAF_CHECK_EQUAL(row->item.video_codec, "");
  CAF_CHECK(!row->item.thumbnails.empty());
  CAF_CHECK_EQUAL(left().size(), row->item.thumbnails.size());
  fs::remove_all(shop.data_folder);
  a.fail_at = exec::op::thumbnail;
  auto without = run_attempt(a, [&](attempt& x) { return ingest(x, shop); });
  CAF_REQUIRE(without.end == attempt_end::completed);
  CAF_CHECK(decode_ingest_result(without.result)->item.thumbnails.empty());
  CAF_CHECK(left().empty());
}

CAF_TEST(a source that is removed while it is read is named and not tried again) {
  for (auto failing : {std::optional<exec::op>{}, std::optional{exec::op::transcode}, std::optional{exec::op::probe}}) {
    put("in/film.MP4", "bytes");
    // A file that loses its end may well be what the executor fails at.
    a.fail_at = failing;
    a.before = [&](exec::op x) {
      if (x == failing.value_or(exec::op::transcode))
        fs::remove(root + "/in/film.MP4");
    };
    ask_transcode();
    auto out = run_attempt(a, [&](attempt& x) { return transcode(x, shop); });
    CAF_CHECK(out.end == attempt_end::failed);
    CAF_CHECK(out.failure.code == errc::not_found);
    CAF_CHECK(out.cls == error_class::permanent);
    CAF_CHECK(out.failure.message.find(root + "/in/film.MP4: the file was removed") == 0);
    CAF_CHECK(out.failure.message.find("scan its library") != std::string::npos);
    CAF_CHECK(left().empty());
  }
}

CAF_TEST(a source that changes while it is read is tried again) {
  a.before = [&](exec::op x) {
    if (x == exec::op::thumbnail || x == exec::op::transcode)
      put("in/film.MP4", "other bytes");
  };
  ask_ingest();
  auto changed = ingest(a, shop);
  CAF_REQUIRE(!changed);
  CAF_CHECK(default_class(changed.error().code) == error_class::transient);
  put("in/film.MP4", "bytes");
  ask_transcode();
  auto again = transcode(a, shop);
  CAF_REQUIRE(!again);
  CAF_CHECK(again.error().code == errc::io);
  CAF_CHECK(left().empty());
  // Also when the executor stumbles over the change.
  put("in/film.MP4", "bytes");
  a.fail_at = exec::op::transcode;
  auto stumbled = run_attempt(a, [&](attempt& x) { return transcode(x, shop); });
  CAF_CHECK(stumbled.failure.code == errc::io);
  CAF_CHECK(stumbled.cls == error_class::transient);
}

CAF_TEST(transcode verifies before it publishes) {
  ask_transcode();
  a.verified = false;
  auto bad = transcode(a, shop);
  CAF_REQUIRE(!bad);
  CAF_CHECK(bad.error().message.find("frames are missing") != std::string::npos);
  CAF_CHECK(left().empty());
  a.verified = true;
  auto good = transcode(a, shop);
  CAF_REQUIRE(good.has_value());
  auto row = decode_transcode_result(*good);
  CAF_REQUIRE(row.has_value());
  CAF_CHECK_EQUAL(row->item.file, "renditions/" + base() + ".mp4");
  CAF_CHECK_EQUAL(row->item.size, 5u);
  CAF_CHECK_EQUAL(left(), std::vector{row->item.file});
  CAF_CHECK_EQUAL(a.operation, "ffmpeg -i in out");
}

CAF_TEST(an encode takes a session of the card or is one in software) {
  auto profile = *find_profile("web-720p");
  profile.hardware = true;
  a.job.payload = encode(transcode_payload{video_id{{1, 1}}, profile});
  shop.find_source = [this](video_id) { return known_source(); };
  shop.gpu = std::make_shared<gpu_sessions>(1);
  CAF_REQUIRE(transcode(a, shop).has_value());
  CAF_CHECK(a.on_card);
  // It was given back.
  auto other = shop.gpu->take();
  CAF_REQUIRE(other != nullptr);
  ++a.job.token.attempt;
  CAF_REQUIRE(transcode(a, shop).has_value());
  CAF_CHECK(!a.on_card);
  other.reset();
  // Who asks for no card takes none.
  a.before = [&](exec::op) { CAF_CHECK(shop.gpu->take() != nullptr); };
  ask_transcode();
  ++a.job.token.attempt;
  CAF_REQUIRE(transcode(a, shop).has_value());
  CAF_CHECK(!a.on_card);
  // A session outlives what counts them.
  auto last = std::make_shared<gpu_sessions>(1);
  other = last->take();
  CAF_CHECK(last->take() == nullptr);
  last.reset();
  other.reset();
  CAF_CHECK(std::make_shared<gpu_sessions>(0)->take() == nullptr);
}

CAF_TEST(a stopped attempt is cancelled and publishes nothing) {
  ask_transcode();
  a.before = [&](exec::op x) { a.stop = x == exec::op::verify; };
  auto out = run_attempt(a, [&](attempt& x) { return transcode(x, shop); });
  CAF_CHECK(out.end == attempt_end::cancelled);
  CAF_CHECK(left().empty());
}

CAF_TEST(bad payloads are permanent and name every field) {
  for (auto payload : {"", "[]", "{", R"({"profile":"nope","videoId":"?"})", R"({"profile":7})"}) {
    a.job.payload = payload;
    auto out = run_attempt(a, [&](attempt& x) { return transcode(x, shop); });
    CAF_CHECK(out.failure.code == errc::validation);
    CAF_CHECK(out.cls == error_class::permanent);
  }
  auto all = decode_transcode_payload(R"({"profile":"nope","videoId":"?"})");
  CAF_CHECK_EQUAL(all.error().fields.size(), 2u);
  a.job.payload = encode(ingest_payload{put("in/empty.mp4", ""), {}, {}, "empty.mp4", {}, "", ""});
  auto out = run_attempt(a, [&](attempt& x) { return ingest(x, shop); });
  CAF_CHECK(out.failure.code == errc::bad_media);
}

CAF_TEST(an exception is an outcome) {
  auto out = run_attempt(a, [](attempt&) -> result<std::string> { throw std::runtime_error{"oops"}; });
  CAF_CHECK(out.end == attempt_end::failed);
  CAF_CHECK(out.failure.code == errc::internal);
}

CAF_TEST(cleanup takes only our own old files that nobody needs) {
  auto id = [](uint64_t n) { return job_id{{8, n}}.str(); };
  auto lease = lease_token{1, job_id{{8, 3}}, 1};
  std::vector<std::string> keep{"renditions/" + id(1) + "-1.mp4",
                                "renditions/" + id(3) + "-1.mp4",
                                "renditions/holiday.mp4",
                                "downloads/" + id(4) + "-1/x.mp4",
                                "tmp/" + lease.str() + "/out.mp4",
                                "tmp/" + id(5) + ".part",
                                "tmp/notes.txt",
                                "downloads/" + id(11) + "-2/waits for its ingest.mp4",
                                "uploads/" + id(6) + "-1.mp4",
                                "uploads/" + id(8) + "/catalogued.mp4",
                                "uploads/" + id(9) + "/failed but kept for a retry.mp4"};
  std::vector<std::string> gone{"renditions/" + id(1) + "-2.mp4",
                                "artwork/zz/" + id(1) + "-1-320.jpg",
                                "downloads/" + id(4) + "-2/x.mp4",
                                "tmp/" + lease_token{1, job_id{{8, 3}}, 2}.str() + "/o",
                                "tmp/" + id(7) + ".part",
                                "tmp/" + id(7) + ".part.state",
                                "downloads/" + id(11) + "-1/lost.mp4",
                                "uploads/" + id(10) + "/nobody registered it.mp4"};
  for (auto& x : keep)
    put("data/" + x, "x");
  for (auto& x : gone)
    put("data/" + x, "x");
  clock_ahead time;
  cleanup_rules rules;
  rules.time = &time;
  rules.in_use = [&]() -> result<files_in_use> {
    return files_in_use{{keep[0], keep[3], keep[9]}, {lease}, {job_id{{8, 5}}}};
  };
  rules.find_job = [](job_id x) -> result<job> {
    job out;
    out.state = x.raw.lo == 9 ? job_state::failed : job_state::completed;
    out.attempt = 2;
    return x.raw.lo == 9 || x.raw.lo == 11 ? result<job>{out} : result<job>{errc::not_found, "no such job"};
  };
  auto all = left();
  CAF_CHECK(clean_up(a, shop, rules).has_value());
  CAF_CHECK_EQUAL(left(), all);
  time.ahead = milliseconds{3'700'000};
  auto done = clean_up(a, shop, rules);
  CAF_REQUIRE(done.has_value());
  CAF_CHECK_EQUAL(*done, R"({"filesRemoved":8,"problems":[]})");
  std::sort(keep.begin(), keep.end());
  CAF_CHECK_EQUAL(left(), keep);
  rules.in_use = []() -> result<files_in_use> { return {errc::unavailable, "away"}; };
  CAF_CHECK(!clean_up(a, shop, rules));
}

CAF_TEST(an upload stays while nobody can say whether its job is known) {
  auto name = "uploads/" + job_id{{8, 1}}.str() + "/a.mp4";
  put("data/" + name, "x");
  cleanup_rules rules;
  rules.grace = milliseconds{0};
  rules.in_use = []() -> result<files_in_use> { return files_in_use{}; };
  rules.find_job = [](job_id) -> result<job> { return {errc::unavailable, "the database is away"}; };
  auto run = [&] { return sweep(*shop.files, shop.data_folder, rules, [] { return false; }); };
  auto done = run();
  CAF_REQUIRE(done.has_value());
  CAF_CHECK_EQUAL(done->problems.size(), 1u);
  CAF_CHECK_EQUAL(left(), std::vector{name});
  // Without a grace it goes however young it is.
  rules.find_job = [](job_id) -> result<job> { return {errc::not_found, "no such job"}; };
  CAF_REQUIRE(run().has_value());
  CAF_CHECK(left().empty());
}

CAF_TEST_FIXTURE_SCOPE_END()

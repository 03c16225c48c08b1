#define CAF_SUITE media.folders

// Work whose result is a folder: storyboards and ladders.

#include "actors/media/output_folder.hpp"
#include "tests/actors/media/work_fixture.hpp"

using namespace troupe;
using namespace troupe::work;
using namespace troupe::test;

namespace {

struct folders_fixture : work_fixture {
  attempt_outcome run(bool ladder) {
    return run_attempt(a, [&](attempt& x) { return ladder ? make_hls(x, shop) : make_storyboard(x, shop); });
  }
  void ask(bool ladder) {
    ladder ? ask_hls() : ask_storyboard();
  }
  void check_nothing_left() {
    CAF_CHECK(left().empty());
    CAF_CHECK(!fs::exists(shop.data_folder + "/tmp/" + a.job.token.str()));
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(folders_tests, folders_fixture)

CAF_TEST(a storyboard is published as one folder) {
  ask_storyboard(true);
  auto out = run(false);
  CAF_REQUIRE(out.end == attempt_end::completed);
  auto row = decode_storyboard_result(out.result);
  CAF_REQUIRE(row.has_value());
  auto& x = row->item;
  auto id = a.job.token.job.str();
  CAF_CHECK_EQUAL(x.folder, "artwork/" + id.substr(id.size() - 2) + "/" + base() + "-storyboard");
  CAF_CHECK(x.video == (video_id{{1, 1}}));
  CAF_CHECK(x.version == *shop.files->version_of(root + "/in/film.MP4"));
  CAF_CHECK_EQUAL(x.count, 101u);
  CAF_CHECK_EQUAL(x.sheets(), 2u);
  CAF_CHECK_EQUAL(x.interval.count(), 10'000);
  CAF_CHECK_EQUAL(x.bytes, 13u);
  CAF_CHECK_EQUAL(x.asked_width, 320u);
  CAF_CHECK_EQUAL(x.asked_interval.count(), 10'000);
  CAF_CHECK(x.bif);
  CAF_CHECK_EQUAL(left(), (std::vector{x.folder + "/storyboard-0.jpg", x.folder + "/storyboard-1.jpg",
                                       x.folder + "/storyboard.bif"}));
  CAF_CHECK(!fs::exists(shop.data_folder + "/tmp/" + a.job.token.str()));
}

CAF_TEST(a storyboard for Jellyfin has its folder and names) {
  ask_storyboard(false, true);
  auto out = run(false);
  CAF_REQUIRE(out.end == attempt_end::completed);
  auto row = decode_storyboard_result(out.result);
  CAF_REQUIRE(row.has_value());
  auto& x = row->item;
  CAF_CHECK(x.jellyfin && !x.bif);
  CAF_CHECK_EQUAL(left(), (std::vector{x.folder + "/320 - 10x10/0.jpg", x.folder + "/320 - 10x10/1.jpg"}));
  CAF_CHECK_EQUAL(x.folder + "/" + x.sheet_name(1), left()[1]);
}

CAF_TEST(a ladder is published as one folder) {
  ask_hls();
  auto out = run(true);
  CAF_REQUIRE(out.end == attempt_end::completed);
  auto row = decode_transcode_result(out.result);
  CAF_REQUIRE(row.has_value());
  auto& x = row->item;
  CAF_CHECK_EQUAL(x.file, "renditions/" + base());
  CAF_CHECK_EQUAL(x.container, "hls");
  CAF_CHECK_EQUAL(x.profile, "hls");
  CAF_CHECK(x.version == *shop.files->version_of(root + "/in/film.MP4"));
  CAF_CHECK_EQUAL(x.size, 8u + 8 + a.master.size());
  CAF_CHECK_EQUAL(x.width, 640u);
  CAF_CHECK_EQUAL(x.video_codec, "h264");
  CAF_CHECK_EQUAL(left(), (std::vector{x.file + "/master.m3u8", x.file + "/v0.m3u8", x.file + "/v0.mp4"}));
  CAF_CHECK_EQUAL(out.operation, "ffmpeg -f hls");
}

CAF_TEST(what the executor says must be what is there) {
  for (bool ladder : {false, true}) {
    for (auto spoil : {1, 2, 3}) {
      a.lie = spoil == 1 ? 1 : 0;
      a.extra = spoil == 2 ? "forgotten.m4s" : "";
      a.master = spoil == 3 ? "#EXTM3U\nv1.m3u8\n" : "#EXTM3U\nv0.m3u8\n";
      if (spoil == 3 && !ladder)
        continue;
      ask(ladder);
      auto out = run(ladder);
      CAF_CHECK(out.end == attempt_end::failed);
      CAF_CHECK(out.failure.code == errc::protocol);
      check_nothing_left();
    }
  }
}

CAF_TEST(no name leads out of the folder and none comes twice) {
  output_folder out{shop, shop.data_folder + "/tmp/x/board"};
  auto create = out.maker();
  for (auto bad : {"", "../x", "/etc/x", "a/../b", ".x", "a/.x", "a//b", "a/b/c", "A", "x  y", " x", "x "})
    CAF_CHECK(!create(bad));
  CAF_CHECK(create("v0/x.m4s").has_value());
  CAF_CHECK(!create("v0/x.m4s"));
  CAF_CHECK(!out.check({{"other", 1}}));
  CAF_CHECK_EQUAL(left(), std::vector<std::string>{"tmp/x/board/v0/x.m4s"});
}

CAF_TEST(folders whose work fails or is stopped leave nothing) {
  for (bool ladder : {false, true}) {
    auto op = ladder ? exec::op::hls : exec::op::storyboard;
    ask(ladder);
    a.fail_at = op;
    auto failed = run(ladder);
    CAF_CHECK(failed.failure.code == errc::bad_media);
    CAF_CHECK_EQUAL(failed.log_tail, "last line\n");
    check_nothing_left();
    a = {};
    a.job.token = {3, job_id{{7, 9}}, 2};
    ask(ladder);
    a.before = [&](exec::op x) { a.stop = x == op; };
    CAF_CHECK(run(ladder).end == attempt_end::cancelled);
    check_nothing_left();
    a.stop = false;
    a.before = [&](exec::op x) {
      if (x == op)
        put("in/film.MP4", "other bytes");
    };
    auto changed = run(ladder);
    CAF_CHECK(changed.failure.code == errc::io);
    CAF_CHECK(changed.cls == error_class::transient);
    check_nothing_left();
    a.before = {};
  }
}

CAF_TEST(a film that has changed since its last scan gets nothing that nobody would see) {
  for (bool ladder : {false, true}) {
    ask(ladder);
    scanned = *shop.files->version_of(root + "/in/film.MP4");
    scanned->mtime_ns += 1;
    auto out = run(ladder);
    CAF_CHECK(out.failure.code == errc::conflict);
    CAF_CHECK(out.cls == error_class::permanent);
    CAF_CHECK(out.failure.message.ends_with("the file has changed since its last scan; scan its library"));
    check_nothing_left();
    scanned.reset();
    CAF_CHECK(run(ladder).end == attempt_end::completed);
    fs::remove_all(root + "/data/artwork");
    fs::remove_all(root + "/data/renditions");
  }
}

CAF_TEST(sound has no storyboard) {
  a.sound = true;
  ask_storyboard();
  auto out = run(false);
  CAF_CHECK(out.failure.code == errc::unprocessable);
  CAF_CHECK(out.cls == error_class::permanent);
  check_nothing_left();
}

CAF_TEST(a second attempt does not touch what the first has published) {
  ask_hls();
  CAF_REQUIRE(run(true).end == attempt_end::completed);
  auto first = left();
  a.job.token.attempt = 3;
  CAF_REQUIRE(run(true).end == attempt_end::completed);
  CAF_CHECK_EQUAL(left().size(), 2 * first.size());
  // The same attempt again would meet its own folder.
  CAF_CHECK(run(true).failure.code == errc::conflict);
}

CAF_TEST(master playlists name what was made and nothing else) {
  std::vector<std::string> files{"v0.m3u8", "a0.m3u8", "v0-keyframes.m3u8"};
  CAF_CHECK(check_master("#EXTM3U\r\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"a0.m3u8\"\r\n#EXT-X-STREAM-INF:X\r\nv0.m3u8\r\n"
                         "#EXT-X-I-FRAME-STREAM-INF:URI=\"v0-keyframes.m3u8\"",
                         files)
              .has_value());
  for (auto bad : {"", "v0.m3u8\n", "#EXTM3U\n", "#EXTM3U\nhttp://x/\n", "#EXTM3U\n../v0.m3u8\n",
                   "#EXTM3U\n#EXT-X-MEDIA:URI=\"b.m3u8\"\nv0.m3u8\n"})
    CAF_CHECK(!check_master(bad, files));
  // A track's title is not an address.
  CAF_CHECK(check_master("#EXTM3U\n#EXT-X-MEDIA:NAME=\"URI=\",URI=\"a0.m3u8\"\nv0.m3u8\n", files).has_value());
}

CAF_TEST(cleanup takes folders as it takes files) {
  auto id = [](uint64_t n) { return job_id{{8, n}}.str(); };
  auto board = "artwork/zz/" + id(1) + "-1-storyboard";
  auto superseded = "artwork/zz/" + id(2) + "-1-storyboard";
  auto ladder = "renditions/" + id(3) + "-1";
  auto lost = "renditions/" + id(4) + "-2";
  for (auto& folder : {board, superseded, ladder, lost})
    put("data/" + folder + "/v0/x", "x");
  clock_ahead time;
  cleanup_rules rules;
  rules.time = &time;
  rules.in_use = [&]() -> result<files_in_use> { return files_in_use{{board, ladder}, {}, {}}; };
  rules.find_job = [](job_id) -> result<job> { return {errc::not_found, "no such job"}; };
  CAF_CHECK(clean_up(a, shop, rules).has_value());
  CAF_CHECK_EQUAL(left().size(), 4u);
  time.ahead = milliseconds{3'700'000};
  CAF_CHECK(clean_up(a, shop, rules).has_value());
  CAF_CHECK_EQUAL(left(), (std::vector{board + "/v0/x", ladder + "/v0/x"}));
  CAF_CHECK(!fs::exists(root + "/data/" + superseded));
}

CAF_TEST(payloads of folders) {
  auto board =
    decode_storyboard_payload(R"({"videoId":"x","width":1,"interval":0.5,"columns":51,"rows":0,"bif":1,"jellyfin":2})");
  CAF_REQUIRE(!board);
  CAF_CHECK_EQUAL(board.error().fields.size(), 7u);
  auto some = "{\"videoId\":\"" + video_id{{1, 1}}.str() + "\"";
  storyboard_payload defaults;
  defaults.width = 200;
  defaults.interval = milliseconds{5'000};
  auto filled = decode_storyboard_payload(some + R"(,"interval":2.5})", defaults);
  CAF_REQUIRE(filled.has_value());
  CAF_CHECK_EQUAL(filled->width, 200u);
  CAF_CHECK_EQUAL(filled->interval.count(), 2'500);
  CAF_CHECK(!decode_storyboard_result(R"({"storyboard":{"count":0}})"));
  CAF_CHECK(!decode_hls_payload(some + R"(,"profile":"web-720p"})"));
  CAF_CHECK(decode_hls_payload(some + R"(,"profile":"hls"})").has_value());
}

CAF_TEST_FIXTURE_SCOPE_END()

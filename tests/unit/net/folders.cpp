#define CAF_SUITE net.folders

// What is served out of folders: storyboards and ladders.

#include "server_fixture.hpp"

#include "net/hls_master.hpp"
#include "net/storyboard_vtt.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

struct film_server : running_server {
  film_server() {
    write_file(folder.path + "/film.mp4", "film");
    id = backend.add_video(folder.path, "film.mp4");
    base = "/api/videos/" + id.str();
  }
  raw_answer see(const std::string& path, std::string_view more = {}) {
    return ask(get(base + path, more)).value_or(raw_answer{});
  }
  raw_answer post(const std::string& path, std::string_view body) {
    return ask(with_body("POST", base + path, body)).value_or(raw_answer{});
  }
  void put(const std::string& name, std::string_view text) {
    auto path = folder.path + "/" + name;
    std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
    write_file(path, text);
  }
  void add_board(bool bif = false, bool jellyfin = false) {
    std::lock_guard guard{backend.mutex};
    auto& detail = backend.videos.at(id);
    detail.item.duration = 25;
    auto& x = detail.board;
    x.video = id;
    x.folder = "artwork/aa/board";
    x.tile_width = 320;
    x.tile_height = 180;
    x.columns = 2;
    x.rows = 1;
    x.count = 3;
    x.interval = x.asked_interval = milliseconds{10'000};
    // Twice as wide as the film.
    x.asked_width = 640;
    x.bif = bif;
    x.jellyfin = jellyfin;
    x.made_by = "maker";
    put(x.folder + (jellyfin ? "/320 - 2x1/0.jpg" : "/storyboard-0.jpg"), "first sheet");
    put(x.folder + (jellyfin ? "/320 - 2x1/1.jpg" : "/storyboard-1.jpg"), "second sheet");
    put(x.folder + "/storyboard.bif", "bif");
  }
  /// Its address.
  std::string add_ladder(const std::string& name, int64_t created) {
    std::lock_guard guard{backend.mutex};
    rendition x;
    x.id = rendition_id{random_id()};
    x.video = id;
    x.profile = "hls";
    x.container = "hls";
    x.file = "renditions/" + name;
    x.created = from_ms(created);
    backend.videos.at(id).renditions.push_back(x);
    put(x.file + "/master.m3u8", "#EXTM3U of " + name + "\nv0.m3u8\n");
    put(x.file + "/v0.mp4", "0123456789");
    put(x.file + "/notes.txt", "not part of it");
    return "/hls/" + x.id.str();
  }

  video_id id;
  std::string base;
};

} // namespace

CAF_TEST(a storyboard is there when it has been made) {
  film_server s;
  for (auto path : {"/storyboard.vtt", "/storyboard/0.jpg", "/storyboard.bif"}) {
    auto none = s.see(path);
    CAF_CHECK_EQUAL(none.status, 404);
    CAF_CHECK(none.body.find("POST to its /storyboard") != std::string::npos);
  }
  s.add_board();
  auto vtt = s.see("/storyboard.vtt");
  CAF_CHECK_EQUAL(vtt.status, 200);
  CAF_CHECK_EQUAL(vtt.header("content-type"), "text/vtt; charset=utf-8");
  CAF_CHECK_EQUAL(vtt.body, "WEBVTT\n\n"
                            "00:00:00.000 --> 00:00:10.000\nstoryboard/0.jpg?of=maker#xywh=0,0,320,180\n\n"
                            "00:00:10.000 --> 00:00:20.000\nstoryboard/0.jpg?of=maker#xywh=320,0,320,180\n\n"
                            "00:00:20.000 --> 00:00:25.000\nstoryboard/1.jpg?of=maker#xywh=0,0,320,180\n");
  CAF_CHECK_EQUAL(s.see("/storyboard.vtt", "If-None-Match: " + vtt.header("etag") + "\r\n").status, 304);
  auto sheet = s.see("/storyboard/1.jpg");
  CAF_CHECK_EQUAL(sheet.status, 200);
  CAF_CHECK_EQUAL(sheet.header("content-type"), "image/jpeg");
  CAF_CHECK_EQUAL(sheet.body, "second sheet");
  CAF_CHECK_EQUAL(s.see("/storyboard/1.jpg", "If-None-Match: " + sheet.header("etag") + "\r\n").status, 304);
  CAF_CHECK_EQUAL(s.see("/storyboard/1.jpg?of=maker").body, "second sheet");
  // A playlist of an earlier board: its tiles are others.
  CAF_CHECK_EQUAL(s.see("/storyboard/1.jpg?of=another").status, 404);
  for (auto bad :
       {"/storyboard/2.jpg", "/storyboard/00.jpg", "/storyboard/-1.jpg", "/storyboard/x.jpg", "/storyboard/.jpg",
        "/storyboard/0.png", "/storyboard/0", "/storyboard/99999999999.jpg", "/storyboard/..%2F..%2Ffilm.jpg"})
    CAF_CHECK_EQUAL(s.see(bad).status, 404);
  auto bif = s.see("/storyboard.bif");
  CAF_CHECK_EQUAL(bif.status, 404);
  CAF_CHECK(bif.body.find("made without a BIF") != std::string::npos);
  auto detail = s.see("");
  CAF_CHECK(detail.body.find(R"("storyboard":{"interval":10,"count":3,"sheets":2)") != std::string::npos);
}

CAF_TEST(a BIF is served where it was made) {
  film_server s;
  s.add_board(true);
  auto bif = s.see("/storyboard.bif");
  CAF_CHECK_EQUAL(bif.status, 200);
  CAF_CHECK_EQUAL(bif.body, "bif");
  // Its own address is not that of a later one.
  auto address = s.base + "/storyboard.bif?of=maker";
  CAF_CHECK(s.see("").body.find("\"bifUrl\":\"" + address + "\"") != std::string::npos);
  CAF_CHECK_EQUAL(s.see("/storyboard.bif?of=maker").body, "bif");
  CAF_CHECK_EQUAL(s.see("/storyboard.bif?of=another").status, 404);
  {
    std::lock_guard guard{s.backend.mutex};
    auto& board = s.backend.videos.at(s.id).board;
    board.made_by = "another";
    board.folder = "artwork/aa/later";
  }
  s.put("artwork/aa/later/storyboard.bif", "later bif");
  CAF_CHECK_EQUAL(s.see("/storyboard.bif").body, "later bif");
  CAF_CHECK_EQUAL(s.see("/storyboard.bif?of=maker").status, 404);
}

CAF_TEST(sheets with the names of Jellyfin have the same addresses) {
  film_server s;
  s.add_board(false, true);
  CAF_CHECK_EQUAL(s.see("/storyboard/1.jpg").body, "second sheet");
  CAF_CHECK(s.see("").body.find(R"("layout":"jellyfin")") != std::string::npos);
}

CAF_TEST(a storyboard is made when it is asked for and not twice) {
  film_server s;
  auto queued = s.post("/storyboard", R"({"interval":5,"width":200,"bif":true})");
  CAF_CHECK_EQUAL(queued.status, 202);
  CAF_CHECK(queued.body.find("\"trackingUrl\"") != std::string::npos);
  auto bad = s.post("/storyboard", R"({"interval":0,"width":9999,"bif":"yes","jellyfin":1,"tiles":1})");
  CAF_CHECK_EQUAL(bad.status, 400);
  for (auto field : {"interval", "width", "bif", "jellyfin", "tiles"})
    CAF_CHECK(bad.body.find("\"" + std::string{field} + "\":") != std::string::npos);
  s.add_board();
  auto there = s.post("/storyboard", "");
  CAF_CHECK_EQUAL(there.status, 200);
  CAF_CHECK_EQUAL(there.body, R"({"jobId":"maker","status":"completed","trackingUrl":"/api/jobs/maker/status"})");
  CAF_CHECK_EQUAL(s.post("/storyboard", R"({"again":true})").status, 202);
  // The one that is there lacks it; what it has stays.
  CAF_CHECK_EQUAL(s.post("/storyboard", R"({"jellyfin":true})").status, 202);
  s.add_board(true, true);
  CAF_CHECK_EQUAL(s.post("/storyboard", R"({"jellyfin":true,"bif":true})").status, 200);
  CAF_CHECK_EQUAL(s.post("/storyboard", R"({"again":true,"bif":false})").status, 202);
  CAF_CHECK_EQUAL(s.ask(with_body("POST", "/api/videos/" + video_id{{1, 1}}.str() + "/storyboard", ""))->status, 404);
  std::lock_guard guard{s.backend.mutex};
  CAF_REQUIRE_EQUAL(s.backend.submitted.size(), 4u);
  CAF_CHECK_EQUAL(s.backend.submitted[0].kind, "storyboard");
  auto said = [&](size_t i, std::string_view part) {
    return s.backend.submitted[i].payload.find(part) != std::string::npos;
  };
  for (auto part : {R"("interval":5)", R"("width":200)", R"("bif":true)", R"("version":"0-0-0")"})
    CAF_CHECK(said(0, part));
  // What the one that is there has and nobody spoke of stays.
  CAF_CHECK(said(1, R"("otherwise":{"width":640,"interval":10,"bif":false,"jellyfin":false})"));
  CAF_CHECK(said(2, R"("jellyfin":true,"otherwise":)"));
  CAF_CHECK(said(3, R"("bif":false,"otherwise":{"width":640,"interval":10,"bif":true,"jellyfin":true})"));
}

CAF_TEST(a storyboard of another width or interval is another one) {
  film_server s;
  s.add_board();
  CAF_CHECK_EQUAL(s.post("/storyboard", R"({"width":640,"interval":10})").status, 200);
  CAF_CHECK_EQUAL(s.post("/storyboard", R"({"width":320})").status, 202);
  CAF_CHECK_EQUAL(s.post("/storyboard", R"({"interval":5})").status, 202);
  std::lock_guard guard{s.backend.mutex};
  CAF_REQUIRE_EQUAL(s.backend.submitted.size(), 2u);
  CAF_CHECK(s.backend.submitted[0].payload.find(R"("width":320,"otherwise")") != std::string::npos);
}

CAF_TEST(the last cue ends with the film and times go on beyond hours) {
  storyboard x;
  x.columns = x.rows = 1;
  x.tile_width = 160;
  x.tile_height = 90;
  x.count = 2;
  x.interval = milliseconds{3'600'500};
  x.made_by = "x";
  auto text = net::storyboard_vtt(x, 0);
  CAF_CHECK(text.find("00:00:00.000 --> 01:00:00.500\nstoryboard/0.jpg?of=x#xywh=0,0,160,90") != std::string::npos);
  // The film's length is not known: a picture's time.
  CAF_CHECK(text.find("01:00:00.500 --> 02:00:01.000\nstoryboard/1.jpg") != std::string::npos);
  CAF_CHECK(net::storyboard_vtt(x, 4000).find("01:00:00.500 --> 01:06:40.000") != std::string::npos);
  CAF_CHECK(net::storyboard_vtt(x, 10).find("--> 02:00:01.000") != std::string::npos);
  x.columns = 0;
  CAF_CHECK_EQUAL(net::storyboard_vtt(x, 10), "WEBVTT\n");
}

CAF_TEST(a ladder is served with ranges and its own types) {
  film_server s;
  auto none = s.see("/hls/master.m3u8");
  CAF_CHECK_EQUAL(none.status, 404);
  CAF_CHECK(none.body.find("to its /transcode") != std::string::npos);
  auto old = s.add_ladder("old", 1);
  auto ladder = s.add_ladder("new", 2);
  auto master = s.see("/hls/master.m3u8");
  CAF_CHECK_EQUAL(master.status, 200);
  CAF_CHECK_EQUAL(master.header("content-type"), "application/vnd.apple.mpegurl");
  // Who plays the old one goes on with its own files.
  CAF_CHECK_EQUAL(master.body, "#EXTM3U of new\n" + ladder.substr(5) + "/v0.m3u8\n");
  CAF_CHECK_EQUAL(s.see(ladder + "/master.m3u8").body, "#EXTM3U of new\nv0.m3u8\n");
  CAF_CHECK_EQUAL(s.see(old + "/master.m3u8").body, "#EXTM3U of old\nv0.m3u8\n");
  CAF_CHECK_EQUAL(master.header("cache-control"), "private, no-cache");
  CAF_CHECK_EQUAL(s.see("/hls/master.m3u8", "If-None-Match: " + master.header("etag") + "\r\n").status, 304);
  auto part = s.see(ladder + "/v0.mp4", "Range: bytes=2-4\r\n");
  CAF_CHECK_EQUAL(part.status, 206);
  CAF_CHECK_EQUAL(part.header("content-type"), "video/mp4");
  CAF_CHECK_EQUAL(part.header("content-range"), "bytes 2-4/10");
  CAF_CHECK_EQUAL(part.body, "234");
  auto stream = s.see("/stream?profile=hls");
  CAF_CHECK_EQUAL(stream.status, 404);
  CAF_CHECK(stream.body.find("/hls/master.m3u8") != std::string::npos);
  CAF_CHECK(s.see("").body.find(old + "/master.m3u8\"") != std::string::npos);
}

CAF_TEST(the ladder of an earlier content is not that of the film) {
  film_server s;
  auto old = s.add_ladder("old", 2);
  {
    std::lock_guard guard{s.backend.mutex};
    s.backend.videos.at(s.id).item.version = {1, 2, 3};
  }
  CAF_CHECK_EQUAL(s.see("/hls/master.m3u8").status, 404);
  auto fresh = s.add_ladder("fresh", 1);
  {
    std::lock_guard guard{s.backend.mutex};
    s.backend.videos.at(s.id).renditions.back().version = {1, 2, 3};
  }
  CAF_CHECK_EQUAL(s.see("/hls/master.m3u8").body, "#EXTM3U of fresh\n" + fresh.substr(5) + "/v0.m3u8\n");
  // Who plays the old one goes on with its own files while its row is there.
  CAF_CHECK_EQUAL(s.see(old + "/v0.mp4").status, 200);
}

CAF_TEST(who plays a ladder whose row is gone goes on with its files) {
  film_server s;
  job maker;
  maker.id = {{7, 7}};
  maker.spec.kind = "hls";
  maker.state = job_state::completed;
  auto folder = "renditions/" + maker.id.str() + "-1";
  s.put(folder + "/v0.mp4", "0123456789");
  // Asked for once only: an open file stays open for a moment.
  s.put(folder + "/v1.mp4", "0123456789");
  s.put("renditions/secret/v0.mp4", "secret");
  auto film = "/hls/" + maker.id.str() + "/v0.mp4";
  auto says = [&](const std::string& video, const std::string& file) {
    maker.result = R"({"rendition":{"videoId":")" + video + R"(","file":")" + file + R"("}})";
    std::lock_guard guard{s.backend.mutex};
    s.backend.jobs[maker.id] = {maker, {}};
  };
  for (auto& bad : {std::string{"renditions/secret"}, folder + "/../secret", std::string{}}) {
    says(s.id.str(), bad);
    CAF_CHECK_EQUAL(s.see(film).status, 404);
  }
  says(video_id{{1, 1}}.str(), folder);
  CAF_CHECK_EQUAL(s.see(film).status, 404);
  maker.spec.kind = "transcode";
  says(s.id.str(), folder);
  CAF_CHECK_EQUAL(s.see(film).status, 404);
  maker.spec.kind = "hls";
  says(s.id.str(), folder);
  CAF_CHECK_EQUAL(s.see(film, "Range: bytes=2-4\r\n").body, "234");
  // One that a person has removed is shown to nobody.
  {
    std::lock_guard guard{s.backend.mutex};
    s.backend.videos.at(s.id).item.state = video_state::removed;
  }
  CAF_CHECK_EQUAL(s.see("/hls/" + maker.id.str() + "/v1.mp4").status, 404);
}

CAF_TEST(texts of a ladder are compressed and films are not ) {
  film_server s;
  auto ladder = s.add_ladder("x", 1);
  std::string lines = "#EXTM3U\n";
  for (int i = 0; i < 200; ++i)
    lines += "#EXTINF:4.0,\n#EXT-X-BYTERANGE:1000@" + std::to_string(i * 1000) + "\nv0.mp4\n";
  for (auto name : {"/master.m3u8", "/v0.m3u8", "/s0.vtt", "/v1.mp4"})
    s.put("renditions/x" + std::string{name}, lines);
  for (auto& path :
       {std::string{"/hls/master.m3u8"}, ladder + "/master.m3u8", ladder + "/v0.m3u8", ladder + "/s0.vtt"}) {
    auto plain = s.see(path);
    CAF_CHECK_EQUAL(plain.status, 200);
    CAF_CHECK(plain.header("content-encoding").empty());
    auto coded = s.see(path, "Accept-Encoding: gzip\r\n");
    CAF_CHECK_EQUAL(coded.header("content-encoding"), "gzip");
    CAF_CHECK_EQUAL(coded.header("content-type"), plain.header("content-type"));
    CAF_CHECK(coded.body.size() * 3 < plain.body.size());
    CAF_CHECK_EQUAL(s.see(path, "If-None-Match: " + plain.header("etag") + "\r\n").status, 304);
  }
  CAF_CHECK_EQUAL(s.see(ladder + "/v0.m3u8").body, lines);
  CAF_CHECK(s.see(ladder + "/v1.mp4", "Accept-Encoding: gzip\r\n").header("content-encoding").empty());
}

CAF_TEST(a picture is WebP for who names it and JPEG for all others) {
  film_server s;
  s.put("artwork/a-320.jpg", "jpeg 320");
  s.put("artwork/a-640.jpg", "jpeg 640");
  s.put("artwork/a-320.webp", "webp 320");
  {
    std::lock_guard guard{s.backend.mutex};
    s.backend.videos.at(s.id).item.thumbnails = {
      {320, 180, "artwork/a-320.jpg"}, {640, 360, "artwork/a-640.jpg"}, {320, 180, "artwork/a-320.webp"}};
  }
  for (auto accept : {"", "Accept: */*\r\n", "Accept: image/*\r\n", "Accept: image/webp;q=0, image/jpeg\r\n"}) {
    auto jpeg = s.see("/thumbnail?width=320", accept);
    CAF_CHECK_EQUAL(jpeg.body, "jpeg 320");
    CAF_CHECK_EQUAL(jpeg.header("content-type"), "image/jpeg");
    CAF_CHECK_EQUAL(jpeg.header("vary"), "Accept");
  }
  auto webp = s.see("/thumbnail?width=320", "Accept: image/avif,image/webp,*/*;q=0.8\r\n");
  CAF_CHECK_EQUAL(webp.body, "webp 320");
  CAF_CHECK_EQUAL(webp.header("content-type"), "image/webp");
  CAF_CHECK_EQUAL(s.see("/thumbnail?width=640").body, "jpeg 640");
  std::lock_guard guard{s.backend.mutex};
  // Where none was made, JPEG it is.
  s.backend.videos.at(s.id).item.thumbnails.pop_back();
}

CAF_TEST(nothing beside the ladder is served) {
  film_server s;
  auto ladder = s.add_ladder("x", 1);
  s.put("renditions/secret.mp4", "secret");
  std::filesystem::create_symlink(s.folder.path + "/film.mp4", s.folder.path + "/renditions/x/link.mp4");
  CAF_CHECK_EQUAL(s.see(ladder + "/v0.mp4").status, 200);
  for (auto bad : {"/notes.txt", "/none.mp4", "/..%2Fsecret.mp4", "/../secret.mp4", "/v0/..%2F..", "/%2e%2e/secret.mp4",
                   "/.hidden.mp4", "/a/b/c.mp4", "/v0%00.mp4", "/v0", "/link.mp4", "//v0.mp4", "/V0.mp4"}) {
    auto answer = s.see(ladder + bad);
    CAF_CHECK(answer.status == 404 || answer.status == 400);
    CAF_CHECK(answer.body.find("secret") == std::string::npos);
  }
  CAF_CHECK_EQUAL(s.see("/hls/" + rendition_id{{1, 1}}.str() + "/v0.mp4").status, 404);
  CAF_CHECK_EQUAL(s.see("/hls/x/v0.mp4").status, 404);
  CAF_CHECK_EQUAL(s.see("/hls/v0.mp4").status, 404);
  // A file that is no ladder is none by this door, either.
  {
    std::lock_guard guard{s.backend.mutex};
    s.backend.videos.at(s.id).renditions[0].container = "mp4";
  }
  auto other = s.see(ladder + "/master.m3u8");
  CAF_CHECK_EQUAL(other.status, 404);
}

CAF_TEST(a master playlist one folder above names what is below it) {
  auto below = [](std::string_view text) { return net::master_below(text, "id"); };
  CAF_CHECK_EQUAL(below("#EXTM3U\n#EXT-X-VERSION:6\n\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"a0.m3u8\",NAME=\"x\"\n"
                        "#EXT-X-STREAM-INF:BANDWIDTH=1\nv0.m3u8\n"
                        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"v0-keyframes.m3u8\"\r\n\r\nv1.m3u8"),
                  "#EXTM3U\n#EXT-X-VERSION:6\n\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"id/a0.m3u8\",NAME=\"x\"\n"
                  "#EXT-X-STREAM-INF:BANDWIDTH=1\nid/v0.m3u8\n"
                  "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"id/v0-keyframes.m3u8\"\r\n\r\nid/v1.m3u8");
  CAF_CHECK_EQUAL(below(""), "");
  CAF_CHECK_EQUAL(below("#X:URI=\""), "#X:URI=\"");
  // A track's title may be anything.
  CAF_CHECK_EQUAL(below("#EXT-X-MEDIA:NAME=\"URI=\",URI=\"a0.m3u8\"\n"),
                  "#EXT-X-MEDIA:NAME=\"URI=\",URI=\"id/a0.m3u8\"\n");
}

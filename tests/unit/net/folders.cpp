#define CAF_SUITE net.folders

// What is served out of folders: storyboards and ladders.

#include "server_fixture.hpp"

#include "net/storyboard_vtt.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

struct film_server : running_server {
  film_server() {
    write_file(folder.path() + "/film.mp4", "film");
    id = backend.add_video(folder.path(), "film.mp4");
    base = "/api/videos/" + id.str();
  }
  raw_answer see(const std::string& path, std::string_view more = {}) {
    return ask(get(base + path, more)).value_or(raw_answer{});
  }
  raw_answer post(const std::string& path, std::string_view body) {
    return ask(with_body("POST", base + path, body)).value_or(raw_answer{});
  }
  void put(const std::string& name, std::string_view text) {
    auto path = folder.path() + "/" + name;
    std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
    write_file(path, text);
  }
  void add_board(bool bif = false) {
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
    x.interval = milliseconds{10'000};
    x.bif = bif;
    x.made_by = "maker";
    put(x.folder + "/storyboard-0.jpg", "first sheet");
    put(x.folder + "/storyboard-1.jpg", "second sheet");
    put(x.folder + "/storyboard.bif", "bif");
  }
  void add_ladder(const std::string& name, int64_t created) {
    std::lock_guard guard{backend.mutex};
    rendition x;
    x.id = rendition_id{random_id()};
    x.video = id;
    x.profile = "hls";
    x.container = "hls";
    x.file = "renditions/" + name;
    x.created = from_ms(created);
    backend.videos.at(id).renditions.push_back(x);
    put(x.file + "/master.m3u8", "#EXTM3U of " + name);
    put(x.file + "/v0.mp4", "0123456789");
    put(x.file + "/v0/1.m4s", "segment");
    put(x.file + "/notes.txt", "not part of it");
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
                            "00:00:00.000 --> 00:00:10.000\nstoryboard/0.jpg#xywh=0,0,320,180\n\n"
                            "00:00:10.000 --> 00:00:20.000\nstoryboard/0.jpg#xywh=320,0,320,180\n\n"
                            "00:00:20.000 --> 00:00:25.000\nstoryboard/1.jpg#xywh=0,0,320,180\n");
  CAF_CHECK_EQUAL(s.see("/storyboard.vtt", "If-None-Match: " + vtt.header("etag") + "\r\n").status, 304);
  auto sheet = s.see("/storyboard/1.jpg");
  CAF_CHECK_EQUAL(sheet.status, 200);
  CAF_CHECK_EQUAL(sheet.header("content-type"), "image/jpeg");
  CAF_CHECK_EQUAL(sheet.body, "second sheet");
  CAF_CHECK_EQUAL(s.see("/storyboard/1.jpg", "If-None-Match: " + sheet.header("etag") + "\r\n").status, 304);
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
}

CAF_TEST(a storyboard is made when it is asked for and not twice) {
  film_server s;
  auto queued = s.post("/storyboard", R"({"interval":5,"width":200,"bif":true})");
  CAF_CHECK_EQUAL(queued.status, 202);
  CAF_CHECK(queued.body.find("\"trackingUrl\"") != std::string::npos);
  auto bad = s.post("/storyboard", R"({"interval":0,"width":9999,"bif":"yes","tiles":1})");
  CAF_CHECK_EQUAL(bad.status, 400);
  for (auto field : {"interval", "width", "bif", "tiles"})
    CAF_CHECK(bad.body.find("\"" + std::string{field} + "\":") != std::string::npos);
  s.add_board();
  auto there = s.post("/storyboard", "");
  CAF_CHECK_EQUAL(there.status, 200);
  CAF_CHECK_EQUAL(there.body, R"({"jobId":"maker","status":"completed","trackingUrl":"/api/jobs/maker/status"})");
  CAF_CHECK_EQUAL(s.post("/storyboard", R"({"again":true})").status, 202);
  CAF_CHECK_EQUAL(s.ask(with_body("POST", "/api/videos/" + video_id{{1, 1}}.str() + "/storyboard", ""))->status, 404);
  std::lock_guard guard{s.backend.mutex};
  CAF_REQUIRE_EQUAL(s.backend.submitted.size(), 2u);
  CAF_CHECK_EQUAL(s.backend.submitted[0].kind, "storyboard");
  for (auto part : {R"("interval":5)", R"("width":200)", R"("bif":true)", R"("version":"0-0-0")"})
    CAF_CHECK(s.backend.submitted[0].payload.find(part) != std::string::npos);
}

CAF_TEST(the last cue ends with the film and times go on beyond hours) {
  storyboard x;
  x.columns = x.rows = 1;
  x.tile_width = 160;
  x.tile_height = 90;
  x.count = 2;
  x.interval = milliseconds{3'600'500};
  auto text = net::storyboard_vtt(x, 0);
  CAF_CHECK(text.find("00:00:00.000 --> 01:00:00.500\nstoryboard/0.jpg#xywh=0,0,160,90") != std::string::npos);
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
  s.add_ladder("old", 1);
  s.add_ladder("new", 2);
  auto master = s.see("/hls/master.m3u8");
  CAF_CHECK_EQUAL(master.status, 200);
  CAF_CHECK_EQUAL(master.header("content-type"), "application/vnd.apple.mpegurl");
  CAF_CHECK_EQUAL(master.body, "#EXTM3U of new");
  CAF_CHECK_EQUAL(master.header("cache-control"), "private, no-cache");
  CAF_CHECK_EQUAL(s.see("/hls/master.m3u8", "If-None-Match: " + master.header("etag") + "\r\n").status, 304);
  auto part = s.see("/hls/v0.mp4", "Range: bytes=2-4\r\n");
  CAF_CHECK_EQUAL(part.status, 206);
  CAF_CHECK_EQUAL(part.header("content-type"), "video/mp4");
  CAF_CHECK_EQUAL(part.header("content-range"), "bytes 2-4/10");
  CAF_CHECK_EQUAL(part.body, "234");
  auto segment = s.see("/hls/v0/1.m4s");
  CAF_CHECK_EQUAL(segment.status, 200);
  CAF_CHECK_EQUAL(segment.header("content-type"), "video/iso.segment");
  auto stream = s.see("/stream?profile=hls");
  CAF_CHECK_EQUAL(stream.status, 404);
  CAF_CHECK(stream.body.find("/hls/master.m3u8") != std::string::npos);
  CAF_CHECK(s.see("").body.find("/hls/master.m3u8\"") != std::string::npos);
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
  s.add_ladder("x", 1);
  s.put("renditions/secret.mp4", "secret");
  std::filesystem::create_symlink(s.folder.path() + "/film.mp4", s.folder.path() + "/renditions/x/link.mp4");
  for (auto bad : {"/hls/notes.txt", "/hls/none.mp4", "/hls/..%2Fsecret.mp4", "/hls/../secret.mp4", "/hls/v0/..%2F..",
                   "/hls/%2e%2e/secret.mp4", "/hls/.hidden.mp4", "/hls/a/b/c.mp4", "/hls/v0%00.mp4", "/hls/v0",
                   "/hls/link.mp4", "/hls//v0.mp4", "/hls/V0.mp4"}) {
    auto answer = s.see(bad);
    CAF_CHECK(answer.status == 404 || answer.status == 400);
    CAF_CHECK(answer.body.find("secret") == std::string::npos);
  }
}

#define CAF_SUITE model.executor

#include "protocol/model/executor.hpp"
#include "protocol/model/json.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <cmath>

using namespace troupe;

namespace {

media_info some_info() {
  media_info x;
  x.format = "mov,mp4";
  x.duration = 12.5;
  x.start_time = -0.25;
  x.bit_rate = 1'000'000'000'000;
  x.size = 1ull << 62;
  x.tags = {{"title", "\"Ünïcode\"\n"}, {"", "empty key"}};
  media_stream s;
  s.index = 3;
  s.kind = "video";
  s.codec = "h264";
  s.profile = "High";
  s.level = 31;
  s.language = "ger";
  s.title = "t";
  s.duration = 12.4;
  s.bit_rate = 5;
  s.dispositions = {"default", "forced"};
  s.width = 1920;
  s.height = 1080;
  s.pixel_format = "yuv420p";
  s.bit_depth = 8;
  s.frame_rate = "25/1";
  s.sample_aspect = "1:1";
  s.field_order = "tt";
  s.color_space = "bt709";
  s.color_transfer = "bt709";
  s.color_primaries = "bt709";
  s.color_range = "tv";
  s.rotation = 270;
  s.sample_rate = 48000;
  s.channels = 6;
  s.channel_layout = "5.1";
  x.streams = {s, {}};
  x.chapters = {{0, 1, "One", -7, "1/1000", {{"title", "One"}}}, {1, 2, "", 0, "", {}}};
  x.warnings = {"w"};
  x.fingerprint = "00ff";
  return x;
}

} // namespace

CAF_TEST(media information comes back whole) {
  auto back = decode_media_info(encode(some_info()));
  CAF_REQUIRE(back.has_value());
  CAF_CHECK(*back == some_info());
}

CAF_TEST(media information is small) {
  media_info x;
  x.streams.resize(1);
  x.streams[0].kind = "video";
  x.streams[0].frame_rate = x.streams[0].average_frame_rate = x.streams[0].base_frame_rate = "25/1";
  CAF_CHECK_EQUAL(encode(x), R"({"streams":[{"frameRate":"25/1","index":0,"kind":"video"}]})");
  CAF_CHECK(*decode_media_info(encode(x)) == x);
  x.streams[0].average_frame_rate = "";
  CAF_CHECK(*decode_media_info(encode(x)) == x);
}

CAF_TEST(HDR and side data come back whole) {
  media_info x;
  media_stream s;
  s.mastering =
    mastering_display{true,      true,      {34000, 50000}, {16000, 50000}, {13250, 50000}, {34500, 50000},
                      {7500, 1}, {3000, 1}, {15635, 1},     {16450, 1},     {50, 10000},    {10000000, 10000}};
  s.light = content_light{1000, 0};
  s.dolby = dolby_vision{1, 0, 8, 9, true, false, true, 1};
  s.display_matrix = {0, 65536, 0, -65536, 0, 0, 9437184, 0, 1073741824};
  s.side_data = {{"Stereo 3D", {{"type", "2D"}, {"inverted", "0"}}}, {"unknown", {}}};
  s.start_ticks = 0;
  s.hdr10_plus = s.closed_captions = s.film_grain = true;
  s.average_frame_rate = "25/1";
  s.nal_length_size = 4;
  x.streams = {s};
  auto back = decode_media_info(encode(x));
  CAF_REQUIRE(back.has_value());
  CAF_CHECK(*back == x);
  for (auto* bad : {"{\"streams\":[{\"masteringDisplay\":{\"redX\":\"1\"}}]}",
                    "{\"streams\":[{\"masteringDisplay\":{\"redX\":\"1/2x\"}}]}", "{\"streams\":[{\"sideData\":[1]}]}",
                    "{\"streams\":[{\"displayMatrix\":\"x\"}]}"})
    CAF_CHECK(!decode_media_info(bad));
}

CAF_TEST(bytes and numbers that JSON does not have) {
  media_info x;
  x.duration = std::nan("");
  x.bit_rate = -1;
  x.tags["t"] = "\xff\xfe";
  auto back = decode_media_info(encode(x));
  CAF_REQUIRE(back.has_value());
  CAF_CHECK_EQUAL(back->duration, 0.0);
  CAF_CHECK_EQUAL(back->tags["t"], "\xef\xbf\xbd\xef\xbf\xbd");
  for (auto* bad : {"", "[]", "null", "7", "{\"streams\":[1]}", "{\"size\":\"x\"}", "{\"tags\":[]"})
    CAF_CHECK(!decode_media_info(bad));
  CAF_CHECK(decode_media_info("{\"unknown\":1}").has_value());
}

CAF_TEST(requests and answers come back whole) {
  exec::request r;
  for (auto op : {exec::op::probe, exec::op::thumbnail, exec::op::transcode, exec::op::verify, exec::op::hls,
                  exec::op::storyboard}) {
    r.op = op;
    CAF_CHECK(exec::decode_request(exec::encode(r))->op == op);
  }
  r.op = exec::op::verify;
  r.name_hint = "mkv";
  r.pictures = {{1, exec::picture_format::jpeg}, {4096, exec::picture_format::webp}};
  r.storyboard = {160, 5, 4, 2500, 75, true, false, true};
  r.profile = *find_profile("audio-only");
  r.source = some_info();
  r.full = false;
  r.fault = "abort";
  r.frames = 1234;
  r.wishes = {7, 12.5, 0.5};
  r.chunk = {"0123456789abcdef", 3, 5, {1, 90000}, INT64_MIN, INT64_MAX, false, 77, -1, {{0, -5}, {1000, INT64_MAX}}};
  r.pieces = {{"p", 0, 2, 100, -3, 4000, {1001, 30000}, 2, 101, 1}, {"p", 1, 2, 0, 0, 0, {}, 0, 0, 0}};
  r.has_audio = true;
  r.spans = {{0.25, 10}, {}};
  r.empty = {1};
  auto request = exec::decode_request(exec::encode(r));
  CAF_REQUIRE(request.has_value());
  CAF_CHECK(request->op == r.op);
  CAF_CHECK_EQUAL(request->name_hint, r.name_hint);
  CAF_CHECK(request->pictures == r.pictures);
  CAF_CHECK(request->storyboard == r.storyboard);
  CAF_CHECK(request->profile == r.profile);
  CAF_CHECK(request->source == r.source);
  CAF_CHECK(request->spans == r.spans);
  CAF_CHECK(request->empty == r.empty);
  CAF_CHECK_EQUAL(request->full, false);
  CAF_CHECK_EQUAL(request->fault, "abort");
  CAF_CHECK_EQUAL(request->frames, 1234);
  CAF_CHECK(request->wishes == r.wishes);
  CAF_CHECK(request->chunk == r.chunk);
  CAF_CHECK(request->pieces == r.pieces);
  CAF_CHECK(request->has_audio);
  auto progress = exec::decode_progress(exec::encode(exec::progress{0.5, 2, 3, 4, 5, 6}));
  CAF_REQUIRE(progress.has_value());
  CAF_CHECK_EQUAL(progress->fraction, 0.5);
  CAF_CHECK_EQUAL(progress->speed, 2.0);
  CAF_CHECK_EQUAL(progress->eta_ms, 3);
  CAF_CHECK_EQUAL(progress->frames, 4);
  CAF_CHECK_EQUAL(progress->out_ms, 5);
  CAF_CHECK_EQUAL(progress->bytes, 6);
  auto thumbnail = exec::decode_thumbnail_answer(exec::encode(exec::thumbnail_answer{{{1, 2, 3}, {4, 5, 6}}, -1}));
  CAF_REQUIRE(thumbnail.has_value());
  CAF_REQUIRE_EQUAL(thumbnail->pictures.size(), 2u);
  CAF_CHECK_EQUAL(thumbnail->pictures[1].bytes, 6u);
  CAF_CHECK_EQUAL(thumbnail->position, -1.0);
  exec::storyboard_answer board{
    {{"320 - 10x10/0.jpg", 3200, 1800, 7, 100}, {"b", 1, 2, 3, 4}}, 320, 180, 10, 9, 5000, 104, "v", "w"};
  auto storyboard = exec::decode_storyboard_answer(exec::encode(board));
  CAF_REQUIRE(storyboard.has_value());
  CAF_CHECK_EQUAL(exec::encode(*storyboard), exec::encode(board));
  CAF_REQUIRE_EQUAL(storyboard->sheets.size(), 2u);
  CAF_CHECK_EQUAL(storyboard->sheets[0].name, "320 - 10x10/0.jpg");
  CAF_CHECK_EQUAL(storyboard->sheets[0].tiles, 100u);
  CAF_CHECK_EQUAL(storyboard->rows, 9u);
  CAF_CHECK_EQUAL(storyboard->interval_ms, 5000);
  CAF_CHECK_EQUAL(storyboard->count, 104u);
  CAF_CHECK(!exec::decode_storyboard_answer("{}"));
  auto transcode = exec::decode_transcode_answer(
    exec::encode(exec::transcode_answer{some_info(), 7, 8, {3}, 9.5, {{0.5, 2}}, {4}, "ffmpeg", {"w"}}));
  CAF_REQUIRE(transcode.has_value());
  CAF_CHECK(transcode->output == some_info());
  CAF_CHECK_EQUAL(transcode->frames, 7);
  CAF_CHECK_EQUAL(transcode->film_seconds, 9.5);
  CAF_CHECK(transcode->spans == std::vector<exec::span>({{0.5, 2}}));
  CAF_CHECK(transcode->empty == std::vector<uint32_t>({4}));
  CAF_CHECK_EQUAL(transcode->operation, "ffmpeg");
  CAF_CHECK_EQUAL(transcode->warnings.size(), 1u);
  auto plan = exec::decode_plan_chunks_answer(exec::encode(exec::plan_chunks_answer{{r.chunk, {}}, "why"}));
  CAF_REQUIRE(plan.has_value());
  CAF_CHECK(plan->chunks == std::vector<media_chunk>({r.chunk, {}}));
  CAF_CHECK_EQUAL(plan->reason, "why");
  auto piece =
    exec::decode_encode_chunk_answer(exec::encode(exec::encode_chunk_answer{r.pieces[0], 2, "ffmpeg", {"w"}}));
  CAF_REQUIRE(piece.has_value());
  CAF_CHECK(piece->piece == r.pieces[0]);
  CAF_CHECK_EQUAL(piece->operation, "ffmpeg");
  CAF_CHECK_EQUAL(piece->warnings.size(), 1u);
  auto verify = exec::decode_verify_answer(exec::encode(exec::verify_answer{true, {"r"}, 9, 10}));
  CAF_REQUIRE(verify.has_value());
  CAF_CHECK(verify->ok);
  CAF_CHECK_EQUAL(verify->reasons.size(), 1u);
  CAF_CHECK_EQUAL(verify->frames, 9);
  auto failure = exec::decode_failure(
    exec::encode(exec::failure{errc::storage_full, error_class::transient, "m", {{exec::damaged_piece_field, "7"}}}));
  CAF_REQUIRE(failure.has_value());
  CAF_CHECK(failure->code == errc::storage_full);
  CAF_CHECK(failure->cls == error_class::transient);
  CAF_CHECK_EQUAL(failure->message, "m");
  CAF_CHECK_EQUAL(failure->fields, (decltype(failure->fields){{"piece", "7"}}));
  CAF_CHECK(!exec::decode_verify_answer("{}"));
  CAF_CHECK(!exec::decode_plan_chunks_answer("{}"));
  CAF_CHECK(!exec::decode_encode_chunk_answer("{\"piece\":{\"frames\":\"x\"}}"));
  CAF_CHECK(!exec::decode_thumbnail_answer("{\"pictures\":7}"));
}

CAF_TEST(names of outputs stay in their folder) {
  for (auto* good : {"a", "storyboard-0.jpg", "720p/segment_1.m4s", "320 - 10x10/0.jpg", "a..b"})
    CAF_CHECK(exec::valid_output_name(good));
  for (auto* bad : {"", "/", "a/", "/a", "..", "a/..", "../a", ".a", "a/.b", "a/b/c", "A", "a\n", "a\\b", " a", "a ",
                    "a  b", "a /b", "a/ b", "a ."})
    CAF_CHECK(!exec::valid_output_name(bad));
  CAF_CHECK(exec::valid_output_name(std::string(exec::max_output_name, 'a')));
  CAF_CHECK(!exec::valid_output_name(std::string(exec::max_output_name + 1, 'a')));
}

CAF_TEST(bytes of a source are asked for and answered) {
  exec::request ranged;
  ranged.ranged = true;
  ranged.source_size = 1ull << 60;
  auto back = exec::decode_request(exec::encode(ranged));
  CAF_REQUIRE(back.has_value());
  CAF_CHECK(back->ranged && back->source_size == 1ull << 60);
  CAF_CHECK(exec::encode(exec::request{}).find("ranged") == std::string::npos);
  auto need = exec::decode_need_request(exec::encode(exec::need_request{1ull << 60, 1ull << 61, UINT64_MAX}));
  CAF_REQUIRE(need.has_value());
  CAF_CHECK(need->id == 1ull << 60 && need->offset == 1ull << 61 && need->length == UINT64_MAX);
  auto have = exec::decode_have_answer(exec::encode(exec::have_answer{3, 4, 5, {}}));
  CAF_REQUIRE(have.has_value());
  CAF_CHECK(have->id == 3 && have->offset == 4 && have->length == 5 && !have->refusal);
  exec::failure why{errc::unavailable, error_class::transient, "node b is away"};
  auto refused = exec::decode_have_answer(exec::encode(exec::have_answer{3, 0, 0, why}));
  CAF_REQUIRE(refused && refused->refusal);
  CAF_CHECK(refused->refusal->code == errc::unavailable && refused->refusal->message == "node b is away");
  for (auto bad : {"", "x", "[]", "{}", R"({"id":"x","offset":1,"length":1})", R"({"id":1,"offset":[],"length":1})"})
    CAF_CHECK(!exec::decode_need_request(bad).has_value());
  for (auto bad : {"", "[]", "{}", R"({"id":1,"offset":"x"})", R"({"id":1,"refusal":{}})"})
    CAF_CHECK(!exec::decode_have_answer(bad).has_value());
}

CAF_TEST(wishes for outputs and their answers come back whole) {
  auto wish = exec::decode_open_request(exec::encode(exec::open_request{1ull << 60, "seg/1.ts"}));
  CAF_REQUIRE(wish.has_value());
  CAF_CHECK_EQUAL(wish->id, 1ull << 60);
  CAF_CHECK_EQUAL(wish->name, "seg/1.ts");
  auto granted = exec::decode_open_answer(exec::encode(exec::open_answer{5, {}}));
  CAF_REQUIRE(granted.has_value());
  CAF_CHECK(!granted->refusal.has_value());
  exec::failure why{errc::storage_full, error_class::transient, "no room"};
  auto refused = exec::decode_open_answer(exec::encode(exec::open_answer{5, why}));
  CAF_REQUIRE(refused && refused->refusal);
  CAF_CHECK(refused->refusal->code == errc::storage_full);
  CAF_CHECK_EQUAL(refused->refusal->message, "no room");
  for (auto* bad : {"", "[]", "{}", R"({"id":1})", R"({"name":"x"})", R"({"id":"1","name":"x"})"})
    CAF_CHECK(!exec::decode_open_request(bad).has_value());
  for (auto* bad : {"", "{}", R"({"id":1,"refusal":{}})", R"({"id":1,"refusal":7})"})
    CAF_CHECK(!exec::decode_open_answer(bad).has_value());
}

CAF_TEST(limits come back whole with a request) {
  exec::request r;
  r.limits = {1, 2.5, 3, 4.5, 5, 6, 7, 8, 9, 10};
  auto back = exec::decode_request(exec::encode(r));
  CAF_REQUIRE(back.has_value());
  auto& x = back->limits;
  CAF_CHECK_EQUAL(x.max_pixels, 1);
  CAF_CHECK_EQUAL(x.max_frame_rate, 2.5);
  CAF_CHECK_EQUAL(x.max_streams, 3u);
  CAF_CHECK_EQUAL(x.max_duration, 4.5);
  CAF_CHECK_EQUAL(x.max_extradata, 5u);
  CAF_CHECK_EQUAL(x.max_attachments, 6u);
  CAF_CHECK_EQUAL(x.max_subtitles, 7u);
  CAF_CHECK_EQUAL(x.probe_cpu, 8u);
  CAF_CHECK_EQUAL(x.thumbnail_cpu, 9u);
  CAF_CHECK_EQUAL(x.long_cpu, 10u);
}

CAF_TEST(what an executor says at its start comes back whole) {
  auto back = exec::decode_readiness(exec::encode(exec::readiness{2, {"libx264"}, {true, 7}, "libavcodec 1.2.3"}));
  CAF_REQUIRE(back.has_value());
  CAF_CHECK_EQUAL(back->version, 2u);
  CAF_CHECK_EQUAL(back->encoders, std::vector<std::string>{"libx264"});
  CAF_CHECK(back->sandbox == (exec::sandbox_layers{true, 7}));
  CAF_CHECK_EQUAL(back->libraries, "libavcodec 1.2.3");
  for (auto* bad : {"", "[]", "{}", R"({"version":"2"})", R"({"version":2,"sandbox":{"seccomp":7}})"})
    CAF_CHECK(!exec::decode_readiness(bad).has_value());
  CAF_CHECK_EQUAL(exec::missing_layers({true, 1}), "");
  CAF_CHECK(exec::missing_layers({true, 0}).starts_with("Landlock"));
  CAF_CHECK(exec::missing_layers({false, 0}).find("seccomp") != std::string::npos);
}

#define CAF_SUITE model.profiles

#include "protocol/model/json.hpp"
#include "protocol/model/profile_builder.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <algorithm>
#include <cmath>
#include <set>

using namespace troupe;

namespace {

media_profile known(std::string_view name) {
  return *find_profile(name);
}

/// The fields that are wrong, in order.
std::string wrong(const media_profile& x) {
  std::string out;
  for (auto& p : problems_of(x))
    out += (out.empty() ? "" : ",") + p.field;
  return out;
}

result<media_profile> asked(std::string_view json) {
  return profile_from_json(json, builtin_profiles());
}

std::string refused(std::string_view json) {
  auto made = asked(json);
  if (made)
    return "nothing";
  CAF_CHECK(made.error().code == errc::validation);
  std::string out;
  for (auto& [field, reason] : made.error().fields)
    out += (out.empty() ? "" : ",") + field;
  return out;
}

template <class Change>
std::string wrong_after(std::string_view base, Change change) {
  auto x = known(base);
  change(x);
  return wrong(x);
}

} // namespace

CAF_TEST(every built in profile can be used and comes back from JSON) {
  for (auto& x : builtin_profiles()) {
    CAF_CHECK_EQUAL(wrong(x), "");
    auto again = asked(encode(x));
    CAF_REQUIRE(again.has_value());
    CAF_CHECK(*again == x);
    CAF_CHECK(*asked(json_quote(x.name)) == x);
  }
}

CAF_TEST(built in profiles that encode one file copy what fits already) {
  for (auto& x : builtin_profiles()) {
    bool encodes = x.video_codec != "copy" && !makes_ladder(x);
    CAF_MESSAGE(x.name);
    CAF_CHECK_EQUAL(x.copy_fitting, encodes);
    // What is far larger than it has to be does not fit.
    if (x.name.starts_with("web-"))
      CAF_CHECK(x.max_bit_rate > 0);
  }
  CAF_CHECK_EQUAL(known("web-1080p").max_bit_rate, 12'000'000u);
  CAF_CHECK_EQUAL(known("web-720p").max_bit_rate, 6'000'000u);
  CAF_CHECK_EQUAL(known("web-480p").max_bit_rate, 3'000'000u);
  // Whoever wants it otherwise says so; who describes a profile alone gets what was described.
  CAF_CHECK(!asked(R"({"profile":"web-720p","copyFitting":false})")->copy_fitting);
  CAF_CHECK(asked(R"({"profile":"hls","copyFitting":true})")->copy_fitting);
  CAF_CHECK(!asked(R"({"container":"mp4"})")->copy_fitting);
  CAF_CHECK(asked(R"({"container":"mp4","copyFitting":true})")->copy_fitting);
  CAF_CHECK_EQUAL(refused(R"({"container":"mp4","copyFitting":"yes"})"), "copyFitting");
}

CAF_TEST(a container takes only what libavformat can write in it) {
  // As tried with each pair of muxer and codec of Debian 12.
  struct row {
    std::string_view container, video, audio;
  };
  for (auto [container, video, audio] : {row{"mp4", "h264 hevc av1 vp9 copy none", "aac opus mp3 copy none"},
                                         {"matroska", "h264 hevc av1 vp9 copy none", "aac opus mp3 flac copy none"},
                                         {"webm", "vp9 av1 copy none", "opus copy none"},
                                         {"mov", "h264 hevc copy none", "aac mp3 copy none"},
                                         {"ipod", "none", "aac copy"},
                                         {"ogg", "none", "opus flac copy"},
                                         {"mp3", "none", "mp3 copy"},
                                         {"flac", "none", "flac copy"},
                                         {"hls", "h264 hevc", "aac none"}}) {
    auto names = [](std::span<const std::string_view> all) {
      std::string out;
      for (auto x : all)
        out += (out.empty() ? "" : " ") + std::string{x};
      return out;
    };
    auto* rule = find_container(container);
    CAF_REQUIRE(rule != nullptr);
    CAF_CHECK_EQUAL(names(rule->video), video);
    CAF_CHECK_EQUAL(names(rule->audio), audio);
  }
  CAF_CHECK(find_container("avi") == nullptr);
  CAF_CHECK(find_container("image2") == nullptr);
  CAF_CHECK(find_container("tee") == nullptr);
  CAF_CHECK(find_container("") == nullptr);
}

CAF_TEST(all that is wrong is told at once) {
  auto x = known("web-720p");
  x.name = "a b";
  x.container = "tee";
  x.crf = 52;
  x.preset = "8";
  x.max_width = 7;
  x.bit_depth = 9;
  x.keep_hdr = true;
  x.max_channels = 9;
  x.loudness = -3;
  x.ladder = {{16, 16, 32'000}};
  CAF_CHECK_EQUAL(wrong(x), "name,maxWidth,maxChannels,loudness,container,bitDepth,crf,preset,keepHdr,ladder");
}

CAF_TEST(combinations) {
  CAF_CHECK_EQUAL(wrong_after("webm", [](auto& x) { x.audio_codec = "aac"; }), "audioCodec");
  CAF_CHECK_EQUAL(wrong_after("web-720p", [](auto& x) { x.extension = "mkv"; }), "extension");
  CAF_CHECK_EQUAL(wrong_after("web-720p", [](auto& x) { x.extension = "../x"; }), "extension");
  CAF_CHECK_EQUAL(wrong_after("web-720p", [](auto& x) { x.bit_depth = 10; }), "bitDepth");
  CAF_CHECK_EQUAL(wrong_after("web-720p", [](auto& x) { x.video_codec = x.audio_codec = "none"; }), "audioCodec");
  CAF_CHECK_EQUAL(wrong_after("remux", [](auto& x) { x.loudness = -16; }), "loudness");
  // What no encoder of the profile looks at is not judged by one.
  CAF_CHECK_EQUAL(wrong_after("remux", [](auto& x) { x.preset = "whatever"; }), "");
  CAF_CHECK_EQUAL(wrong_after("av1", [](auto& x) { x.preset = "14"; }), "preset");
  CAF_CHECK_EQUAL(wrong_after("av1", [](auto& x) { x.preset = "13", x.crf = 63; }), "");
  CAF_CHECK_EQUAL(wrong_after("webm", [](auto& x) { x.preset = "9"; }), "preset");
  CAF_CHECK_EQUAL(wrong_after("webm", [](auto& x) { x.preset = ""; }), "");
  CAF_CHECK_EQUAL(wrong_after("hevc", [](auto& x) { x.bit_depth = 8; }), "keepHdr");
  CAF_CHECK_EQUAL(wrong_after("web-720p", [](auto& x) { x.max_frame_rate = std::nan(""); }), "maxFrameRate");
  // A container's name for people is not what a profile holds.
  CAF_CHECK_EQUAL(wrong_after("av1", [](auto& x) { x.container = "mkv"; }), "container");
}

CAF_TEST(ladders) {
  CAF_CHECK_EQUAL(wrong_after("hls", [](auto& x) { x.ladder.clear(); }), "ladder");
  CAF_CHECK_EQUAL(wrong_after("hls", [](auto& x) { x.ladder.resize(13, {64, 64, 1}); }).substr(0, 7), "ladder,");
  CAF_CHECK_EQUAL(wrong_after("hls", [](auto& x) { x.ladder[1].video_bit_rate = 6'000'000; }),
                  "ladder[1].videoBitRate");
  CAF_CHECK_EQUAL(wrong_after("hls", [](auto& x) { x.ladder[0].max_width = 0; }), "ladder[0].maxWidth");
  CAF_CHECK_EQUAL(wrong_after("hls", [](auto& x) { x.segment_seconds = 5; }), "segmentSeconds");
  CAF_CHECK_EQUAL(wrong_after("hls", [](auto& x) { x.segment_seconds = 1; }), "segmentSeconds");
  CAF_CHECK_EQUAL(wrong_after("hls", [](auto& x) { x.keyframe_interval = 0; }), "keyframeInterval");
  CAF_CHECK_EQUAL(wrong_after("hls", [](auto& x) { x.keyframe_interval = 1.5, x.segment_seconds = 4.5; }), "");
  CAF_CHECK_EQUAL(wrong_after("hls", [](auto& x) { x.video_codec = "copy"; }), "videoCodec");
  // Nothing of a ladder would follow them.
  CAF_CHECK_EQUAL(wrong_after("hls",
                              [](auto& x) {
                                x.max_width = x.max_height = 640;
                                x.max_bit_rate = 1'000'000;
                              }),
                  "maxWidth,maxHeight,maxBitRate");
}

CAF_TEST(a profile by name with what differs is another one) {
  auto x = asked(R"({"profile":"web-720p","loudness":-16,"maxChannels":2,"hardware":true})");
  CAF_REQUIRE(x.has_value());
  auto expected = known("web-720p");
  expected.name = "custom";
  expected.loudness = -16;
  expected.max_channels = 2;
  expected.hardware = true;
  CAF_CHECK(*x == expected);
  CAF_CHECK(*asked(R"({"profile":"web-720p"})") == known("web-720p"));
  CAF_CHECK_EQUAL(asked(R"({"base":"web-720p","crf":20,"name":"fine","other":[{}]})")->name, "fine");
  CAF_CHECK(!name_problem(*x, builtin_profiles()));
  CAF_CHECK(!name_problem(known("web-720p"), builtin_profiles()));
  CAF_CHECK(name_problem(*asked(R"({"profile":"web-720p","crf":20,"name":"hevc"})"), builtin_profiles()).has_value());
}

CAF_TEST(what is left out follows from what is said) {
  auto webm = asked(R"({"container":"webm"})");
  CAF_REQUIRE(webm.has_value());
  CAF_CHECK_EQUAL(webm->video_codec + webm->audio_codec + webm->extension + webm->preset, "vp9opuswebm4");
  CAF_CHECK_EQUAL(webm->crf, 32u);
  auto song = asked(R"({"container":"mp3"})");
  CAF_REQUIRE(song.has_value());
  CAF_CHECK_EQUAL(song->video_codec + song->audio_codec, "nonemp3");
  auto mkv = asked(R"({"profile":"web-720p","container":"mkv"})");
  CAF_REQUIRE(mkv.has_value());
  CAF_CHECK_EQUAL(mkv->container + " " + mkv->extension + " " + mkv->video_codec, "matroska mkv h264");
  auto av1 = asked(R"({"profile":"web-720p","videoCodec":"av1"})");
  CAF_REQUIRE(av1.has_value());
  CAF_CHECK_EQUAL(av1->preset, "8");
  CAF_CHECK_EQUAL(av1->crf, 32u);
  auto h264 = asked(R"({"profile":"hevc","videoCodec":"h264"})");
  CAF_REQUIRE(h264.has_value());
  CAF_CHECK_EQUAL(h264->bit_depth, 8u);
  CAF_CHECK(!h264->keep_hdr);
  // What was said stays, and is judged.
  CAF_CHECK_EQUAL(refused(R"({"profile":"web-720p","videoCodec":"av1","preset":"fast"})"), "preset");
  CAF_CHECK_EQUAL(refused(R"({"profile":"hevc","videoCodec":"h264","bitDepth":10})"), "bitDepth");
  auto hls = asked(R"({"container":"hls","ladder":[{"maxWidth":640,"maxHeight":360,"videoBitRate":400000}]})");
  CAF_REQUIRE(hls.has_value());
  CAF_CHECK_EQUAL(hls->keyframe_interval, 2);
  // The limits of a film are none of a ladder's.
  auto rungs = std::string{R"("keyframeInterval":2,"ladder":[{"maxWidth":640,"maxHeight":360,"videoBitRate":400000}])"};
  auto of_film = asked(R"({"profile":"web-720p","container":"hls",)" + rungs + "}");
  CAF_REQUIRE(of_film.has_value());
  CAF_CHECK_EQUAL(of_film->max_height, 0u);
  CAF_CHECK_EQUAL(refused(R"({"profile":"web-720p","container":"hls","maxHeight":720,)" + rungs + "}"), "maxHeight");
}

CAF_TEST(profiles that differ have different digests) {
  std::set<std::string> seen;
  for (auto& p : builtin_profiles()) {
    CAF_CHECK_EQUAL(digest_of(p).size(), 13u);
    CAF_CHECK_EQUAL(digest_of(p), digest_of(known(p.name)));
    CAF_CHECK(seen.insert(digest_of(p)).second);
    auto other = p;
    other.crf += 1;
    CAF_CHECK(seen.insert(digest_of(other)).second);
  }
}

CAF_TEST(what can not be a profile is refused with every field) {
  CAF_CHECK_EQUAL(refused("{"), "");
  CAF_CHECK_EQUAL(refused("[]"), "profile");
  CAF_CHECK_EQUAL(refused("7"), "profile");
  CAF_CHECK_EQUAL(refused("{}"), "profile");
  CAF_CHECK_EQUAL(refused(R"("nope")"), "profile");
  CAF_CHECK_EQUAL(refused(R"({"profile":"nope","crf":99})"), "profile,crf");
  CAF_CHECK_EQUAL(refused(R"({"profile":5})"), "profile");
  CAF_CHECK_EQUAL(
    refused(R"({"profile":"web-720p","maxWidth":-1,"maxHeight":1e3,"crf":18446744073709551615,"preset":4,)"
            R"("faststart":"yes","loudness":"loud","ladder":"tall","audioBitRate":null,"description":"a\nb"})"),
    "description,maxWidth,maxHeight,crf,preset,loudness,faststart,ladder");
  CAF_CHECK_EQUAL(refused(R"({"profile":"hls","ladder":[{"maxWidth":"x"},7]})"),
                  "ladder[0].maxWidth,ladder[0].maxHeight,ladder[0].videoBitRate,ladder[1].maxWidth,"
                  "ladder[1].maxHeight,ladder[1].videoBitRate");
  CAF_CHECK_EQUAL(asked(R"({"profile":"web-720p","crf":99})").error().message,
                  "the profile can't be used: crf must be a whole number from 0 to 63 (is 99)");
}

CAF_TEST(fields have one name in JSON and one in TOML) {
  for (auto& f : profile_fields()) {
    CAF_CHECK_EQUAL(json_name(toml_name(f.name)), f.name);
    CAF_CHECK(!f.about.empty());
    // Every field of the struct that JSON knows is in the table.
    CAF_CHECK(encode(media_profile{}).find("\"" + std::string{f.name} + "\":") != std::string::npos);
  }
  auto text = encode(media_profile{});
  CAF_CHECK_EQUAL(static_cast<size_t>(std::count(text.begin(), text.end(), ':')), profile_fields().size());
  CAF_CHECK_EQUAL(toml_name("keepHdr"), "keep_hdr");
  CAF_CHECK_EQUAL(json_name("nothing_like_it"), "nothing_like_it");
}

#define CAF_SUITE media.matrix.copies

// What is copied stays what it is, and stays in its place.

#include "tests/support/unit_test.hpp"
#include "tests/unit/media/lab.hpp"

#include <cmath>

using namespace troupe;
using namespace media_test;

namespace {

/// A dvcC box: version 1.0, level 6, enhancement data in the stream.
std::string dolby_record(int profile, int compatible) {
  std::string out(24, '\0');
  out[0] = 1;
  out[2] = static_cast<char>(profile << 1);
  out[3] = static_cast<char>(6 << 3 | 5);
  out[4] = static_cast<char>(compatible << 4);
  return out;
}

std::string side_data_of(const std::string& path) {
  return output_of("ffprobe -v quiet -of compact -show_entries stream_side_data '" + path + "'");
}

} // namespace

CAF_TEST(chapters and text may outlast the film) {
  write_file(scratch("after.txt"), ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=One\n"
                                   "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=60000\ntitle=Two\n"
                                   "[CHAPTER]\nTIMEBASE=1/1000\nSTART=60000\nEND=70000\ntitle=Three\n");
  write_file(scratch("after.srt"), "1\n00:00:20,000 --> 00:00:21,000\nx\n");
  const std::string film = "-f lavfi -i testsrc=s=64x48:r=25:d=3 -f lavfi -i sine=d=3 ";
  const std::string coded = " -map 0 -map 1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac ";
  ffmpeg(film + "-i " + scratch("after.txt") + coded + "-map_chapters 2 " + scratch("chapters.mkv"));
  ffmpeg(film + "-i " + scratch("after.srt") + coded + "-map 2 -c:s mov_text " + scratch("text.mp4"));
  ffmpeg(film + "-i " + scratch("after.srt") + coded + "-map 2 -c:s srt " + scratch("text.mkv"));
  for (auto* name : {"web-720p", "remux", "webm"}) {
    auto p = encoding(name);
    p.preset = p.container == "webm" ? "8" : p.preset;
    for (auto* source : {"chapters.mkv", "text.mp4", "text.mkv"}) {
      auto o = run(scratch(source), p);
      CAF_CHECK_EQUAL(std::string(source) + " " + name + ": " + o.text(), std::string(source) + " " + name + ": ok");
      if (!o.answer || source != std::string("chapters.mkv"))
        continue;
      CAF_REQUIRE_EQUAL(o.seen["chapters"].size(), 2u);
      CAF_CHECK_EQUAL(o.seen["chapters"][1]["tags"]["title"], "Two");
      CAF_CHECK(std::fabs(std::stod(o.seen["chapters"][1]["end_time"].get<std::string>()) - 3) < 0.1);
    }
  }
}

CAF_TEST(Dolby Vision is copied whole and not encoded with wrong colours) {
  const auto plain = scratch("plain.mp4");
  ffmpeg("-f lavfi -i testsrc=s=64x64:r=25:d=1 -c:v libx265 -preset ultrafast -x265-params log-level=none -pix_fmt "
         "yuv420p10le -tag:v hvc1 " + plain);
  const auto dolby = scratch("dolby.mp4");
  for (int profile : {5, 8}) {
    write_box(plain, dolby, {"moov", "trak", "mdia", "minf", "stbl", "stsd", "hvc1"}, profile == 5 ? "dvcC" : "dvvC",
              dolby_record(profile, profile == 5 ? 0 : 1));
    CAF_REQUIRE(side_data_of(dolby).find("dv_profile=" + std::to_string(profile)) != std::string::npos);
    auto mkv = encoding("remux");
    mkv.container = "matroska";
    mkv.extension = "mkv";
    CAF_CHECK_EQUAL(run(dolby, mkv).text(), "ok");
    write_file(scratch("dolby.mkv"), read_file(scratch("out.mkv")));
    for (auto* copy : {"dolby.mp4", "dolby.mkv"}) {
      CAF_CHECK_EQUAL(run(scratch(copy), "remux").text(), "ok");
      for (auto* file : {copy, "out.mp4"})
        CAF_CHECK(side_data_of(scratch(file)).find("dv_profile=" + std::to_string(profile)) != std::string::npos);
    }
    auto o = run(dolby, "web-720p");
    if (profile == 8) {
      CAF_CHECK_EQUAL(o.text(), "ok");
      CAF_CHECK(side_data_of(scratch("out.mp4")).find("dv_profile") == std::string::npos);
    } else {
      CAF_REQUIRE(!o.answer);
      CAF_CHECK(o.answer.error().code == errc::unsupported_media);
      CAF_CHECK(o.answer.error().message.find("Dolby Vision") != std::string::npos);
    }
  }
}

CAF_TEST(a film of all directions stays one when it is copied) {
  const auto plain = scratch("plain.mp4");
  ffmpeg("-f lavfi -i testsrc=s=64x32:r=25:d=1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p " + plain);
  const auto sphere = scratch("sphere.mp4");
  const std::string id{'\xff', '\xcc', '\x82', '\x63', '\xf8', '\x55', '\x4a', '\x93',
                       '\x88', '\x14', '\x58', '\x7a', '\x02', '\x52', '\x1f', '\xdd'};
  write_box(plain, sphere, {"moov", "trak"}, "uuid",
            id + "<?xml version=\"1.0\"?><rdf:SphericalVideo xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" "
                 "xmlns:GSpherical=\"http://ns.google.com/videos/1.0/spherical/\"><GSpherical:Spherical>true"
                 "</GSpherical:Spherical><GSpherical:Stitched>true</GSpherical:Stitched><GSpherical:StitchingSoftware>x"
                 "</GSpherical:StitchingSoftware><GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>"
                 "</rdf:SphericalVideo>");
  CAF_REQUIRE(side_data_of(sphere).find("equirectangular") != std::string::npos);
  auto p = encoding("remux");
  for (auto* container : {"mp4", "matroska"}) {
    p.container = container;
    p.extension = container == std::string("mp4") ? "mp4" : "mkv";
    auto o = run(sphere, p);
    CAF_CHECK_EQUAL(o.text(), "ok");
    CAF_CHECK(side_data_of(scratch("out." + p.extension)).find("equirectangular") != std::string::npos);
  }
}

CAF_TEST(lossless sound goes into mp4 as it is) {
  const auto song = scratch("song.flac");
  ffmpeg("-f lavfi -i sine=d=1 " + song);
  auto o = run(song, "remux");
  CAF_CHECK_EQUAL(o.text(), "ok");
  CAF_CHECK_EQUAL(streams(o, "audio").at(0)["codec_name"], "flac");
  CAF_CHECK_EQUAL(packet_hashes(song, "a:0"), packet_hashes(scratch("out.mp4"), "a:0"));
}

CAF_TEST(languages of two letters and of regions keep their names in mp4) {
  const auto path = scratch("tongues.mkv");
  ffmpeg("-f lavfi -i testsrc=s=64x48:d=1 -f lavfi -i sine=d=1 -map 0 -map 1 -map 1 -map 1 -c:v libx264 -preset ultrafast "
         "-pix_fmt yuv420p -c:a flac -metadata:s:a:0 language=xxx -metadata:s:a:1 language=yyy -metadata:s:a:2 language=ger "
         + path);
  // The ffmpeg program writes three letters only.
  auto content = read_file(path);
  for (auto [three, tag] : {std::pair{"xxx", "de"}, {"yyy", "fr"}}) {
    const auto at = content.find(std::string("\x22\xb5\x9c\x83") + three);
    CAF_REQUIRE(at != std::string::npos);
    content.replace(at + 4, 3, std::string(tag) + '\0');
  }
  write_file(path, content);
  CAF_REQUIRE_EQUAL(ffprobe(path)["streams"][1]["tags"]["language"], "de");
  for (auto* name : {"web-720p", "remux"}) {
    auto p = encoding(name);
    p.container = name == std::string("remux") ? "mov" : "mp4";
    p.extension = p.container;
    p.audio_codec = "aac";
    auto o = run(path, p);
    CAF_CHECK_EQUAL(o.text(), "ok");
    const auto sounds = streams(o, "audio");
    CAF_REQUIRE_EQUAL(sounds.size(), 3u);
    // QuickTime's own list says "ger".
    CAF_CHECK_EQUAL(sounds[0]["tags"]["language"], p.container == "mov" ? "ger" : "deu");
    CAF_CHECK_EQUAL(sounds[1]["tags"]["language"], "fra");
    CAF_CHECK_EQUAL(sounds[2]["tags"]["language"], "ger");
  }
}

CAF_TEST(pictures that an edit list hides stay hidden) {
  const auto whole = scratch("whole.mp4");
  ffmpeg("-f lavfi -i testsrc=s=64x48:r=25:d=6 -f lavfi -i sine=d=6 -c:v libx264 -preset ultrafast -g 100 -pix_fmt yuv420p "
         "-c:a aac " + whole);
  const auto trimmed = scratch("trimmed.mp4");
  ffmpeg("-ss 3 -i " + whole + " -c copy " + trimmed);
  CAF_REQUIRE(output_of("ffprobe -v quiet -show_entries packet=flags '" + trimmed + "'").find("KD") != std::string::npos);
  auto p = encoding("remux");
  for (auto* container : {"mp4", "mov"}) {
    p.container = p.extension = container;
    auto o = run(trimmed, p);
    CAF_CHECK_EQUAL(o.text(), "ok");
    CAF_CHECK(std::fabs(o.check.duration - 3) < 0.1);
  }
  p.container = "matroska";
  p.extension = "mkv";
  auto o = run(trimmed, p);
  CAF_REQUIRE(!o.answer);
  CAF_CHECK(o.answer.error().code == errc::unprocessable);
  CAF_CHECK(o.answer.error().message.find("its edit list hides pictures") != std::string::npos);
  CAF_CHECK_EQUAL(run(whole, p).text(), "ok");
}

CAF_TEST(chapters in Matroska stay beside the picture) {
  write_file(scratch("beside.txt"), ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\n"
                                    "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2000\n");
  const auto path = scratch("beside.mkv");
  ffmpeg("-f lavfi -i testsrc=s=64x48:r=25:d=2 -f lavfi -i sine=d=2 -i " + scratch("beside.txt")
         + " -map 0 -map 1 -map_chapters 2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a flac " + path);
  for (auto* sound : {"aac", "opus", "flac"}) {
    auto p = encoding("web-720p");
    p.container = "matroska";
    p.extension = "mkv";
    p.audio_codec = sound;
    auto o = run(path, p);
    CAF_CHECK_EQUAL(o.text(), "ok");
    auto chapters = o.seen["chapters"];
    CAF_REQUIRE_EQUAL(chapters.size(), 2u);
    const double first = times(scratch("out.mkv")).at(0);
    CAF_CHECK(std::fabs(std::stod(chapters[1]["start_time"].get<std::string>()) - first - 1) < 0.002);
    CAF_CHECK_EQUAL(chapters[0]["start_time"], "0.000000");
  }
}

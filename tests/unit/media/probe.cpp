#define CAF_SUITE media.probe

#include "media/probe.hpp"
#include "media/fingerprint.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/media/samples.hpp"

#include <caf/make_message.hpp>

#include <fcntl.h>

#include <cmath>
#include <random>

using namespace troupe;
using namespace media_test;

namespace {

result<media_info> probe_file(const std::string& path) {
  auto fd = open_source(path);
  return media::probe(fd.get(), extension(path), quiet_task());
}

std::string text(const nlohmann::json& object, const char* name) {
  auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

double number(const nlohmann::json& object, const char* name) {
  auto t = text(object, name);
  return t.empty() ? 0 : std::stod(t);
}

void compare_stream(const std::string& path, const media_stream& ours, const nlohmann::json& theirs) {
  CAF_MESSAGE("stream " << ours.index << " of " << path);
  CAF_CHECK_EQUAL(ours.kind, text(theirs, "codec_type"));
  CAF_CHECK_EQUAL(ours.codec, text(theirs, "codec_name"));
  CAF_CHECK_EQUAL(ours.width, theirs.value("width", 0u));
  CAF_CHECK_EQUAL(ours.height, theirs.value("height", 0u));
  CAF_CHECK_EQUAL(ours.pixel_format, text(theirs, "pix_fmt"));
  CAF_CHECK_EQUAL(ours.channels, theirs.value("channels", 0u));
  CAF_CHECK_EQUAL(static_cast<double>(ours.sample_rate), number(theirs, "sample_rate"));
  CAF_CHECK_EQUAL(ours.channel_layout, text(theirs, "channel_layout"));
  CAF_CHECK_EQUAL(static_cast<double>(ours.bit_rate), number(theirs, "bit_rate"));
  CAF_CHECK(std::fabs(ours.duration - number(theirs, "duration")) < 1e-3);
  CAF_CHECK_EQUAL(ours.color_space, text(theirs, "color_space"));
  CAF_CHECK_EQUAL(ours.field_order, text(theirs, "field_order"));
  if (ours.kind == "video" && text(theirs, "avg_frame_rate") != "0/0")
    CAF_CHECK_EQUAL(ours.frame_rate, text(theirs, "avg_frame_rate"));
  if (theirs.contains("tags"))
    CAF_CHECK_EQUAL(ours.language, text(theirs["tags"], "language"));
}

} // namespace

CAF_TEST(real files say what ffprobe says) {
  size_t media = 0;
  for (auto& path : real_files()) {
    auto ours = probe_file(path);
    if (extension(path) == "ts") {
      // Translation files of Qt, which share the extension.
      CAF_REQUIRE(!ours);
      CAF_CHECK(ours.error().code == errc::bad_media);
      continue;
    }
    if (!ours)
      CAF_FAIL(path << ": " << ours.error().message);
    ++media;
    auto theirs = ffprobe(path);
    CAF_CHECK_EQUAL(ours->format, text(theirs["format"], "format_name"));
    CAF_CHECK(std::fabs(ours->duration - number(theirs["format"], "duration")) < 1e-3);
    CAF_CHECK_EQUAL(static_cast<double>(ours->bit_rate), number(theirs["format"], "bit_rate"));
    CAF_CHECK_EQUAL(static_cast<double>(ours->size), number(theirs["format"], "size"));
    CAF_REQUIRE_EQUAL(ours->streams.size(), theirs["streams"].size());
    for (size_t i = 0; i < ours->streams.size(); ++i)
      compare_stream(path, ours->streams[i], theirs["streams"][i]);
    CAF_CHECK_EQUAL(ours->fingerprint.size(), 32u);
  }
  CAF_CHECK(media >= 30);
}

CAF_TEST(turned pictures) {
  for (int degrees : {0, 90, 180, 270}) {
    auto path = scratch("turned.mov");
    write_turned(ordinary(), path, degrees);
    auto info = probe_file(path);
    CAF_REQUIRE(info.has_value());
    CAF_CHECK_EQUAL(info->first("video")->rotation, degrees);
  }
}

CAF_TEST(chapters and tags and languages) {
  auto meta = scratch("meta.txt");
  write_file(meta, ";FFMETADATA1\ntitle=A film\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=One\n"
                   "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2000\ntitle=Two\n");
  auto path = scratch("chapters.mkv");
  ffmpeg("-i " + ordinary() + " -i " + meta + " -map_metadata 1 -map 0 -c copy -metadata:s:a:0 language=fre " + path);
  auto info = probe_file(path);
  CAF_REQUIRE(info.has_value());
  CAF_CHECK_EQUAL(info->tags["title"], "A film");
  CAF_REQUIRE_EQUAL(info->chapters.size(), 2u);
  CAF_CHECK_EQUAL(info->chapters[1].title, "Two");
  CAF_CHECK(std::fabs(info->chapters[1].start - 1) < 1e-6);
  CAF_CHECK_EQUAL(info->first("audio")->language, "fre");
}

CAF_TEST(a recording whose header tells no duration) {
  auto path = scratch("live.webm");
  ffmpeg("-i " + ordinary() + " -c:v libvpx -c:a libopus -f webm -live 1 pipe:1 > " + path);
  auto info = probe_file(path);
  CAF_REQUIRE(info.has_value());
  CAF_CHECK(std::fabs(info->duration - 2) < 0.2);
}

CAF_TEST(what is no media is refused with a sentence) {
  std::mt19937 random{7};
  std::string noise(300'000, '\0');
  for (auto& c : noise)
    c = static_cast<char>(random());
  ffmpeg("-f lavfi -i testsrc=s=64x64 -frames:v 1 " + scratch("still.png"));
  struct bad {
    const char* name;
    std::string content;
  };
  const std::vector<bad> cases{
    {"empty.mp4", ""},
    {"text.mp4", "This is only a text that somebody named like a film.\n"},
    {"zeros.mp4", std::string(500'000, '\0')},
    {"noise.mp4", noise},
    {"noise.mp3", noise},
    {"one.mkv", "x"},
    {"playlist.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n" + ordinary() + "\n#EXT-X-ENDLIST\n"},
    {"concat.mp4", "ffconcat version 1.0\nfile '" + ordinary() + "'\n"},
    {"sub.srt", "1\n00:00:00,000 --> 00:00:01,000\nHello\n"},
    {"still.mp4", read_file(scratch("still.png"))},
    {"head.mp4", read_file(ordinary()).substr(0, 40)},
  };
  for (auto& c : cases) {
    write_file(scratch(c.name), c.content);
    auto info = probe_file(scratch(c.name));
    CAF_MESSAGE(c.name << ": " << (info ? "accepted as " + info->format : info.error().message));
    CAF_REQUIRE(!info);
    CAF_CHECK(info.error().code == errc::bad_media);
    CAF_CHECK(!info.error().message.empty());
  }
}

CAF_TEST(a cut off file gives what is there and a warning) {
  auto whole = scratch("fast.mp4");
  ffmpeg("-i " + ordinary() + " -c copy -movflags +faststart " + whole);
  auto content = read_file(whole);
  write_file(scratch("cut.mp4"), content.substr(0, content.size() * 6 / 10));
  auto info = probe_file(scratch("cut.mp4"));
  CAF_REQUIRE(info.has_value());
  CAF_CHECK_EQUAL(info->first("video")->width, 320u);
  bool said = false;
  for (auto& w : info->warnings)
    said |= w.find("cut off") != std::string::npos;
  CAF_CHECK(said);
}

CAF_TEST(every truncation and many flipped bytes end well) {
  auto content = read_file(ordinary());
  std::mt19937 random{11};
  for (int i = 0; i < 150; ++i) {
    auto damaged = content;
    if (i % 2)
      damaged.resize(random() % content.size());
    for (int n = 0; n < 20 && !damaged.empty(); ++n)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    write_file(scratch("damaged.mp4"), damaged);
    auto info = probe_file(scratch("damaged.mp4"));
    if (!info)
      CAF_CHECK(info.error().code == errc::bad_media);
  }
}

CAF_TEST(a cancelled probe says so and a broken descriptor is io) {
  std::atomic<bool> cancelled{true};
  auto fd = open_source(ordinary());
  auto info = media::probe(fd.get(), "mp4", media::task{cancelled, {}});
  CAF_REQUIRE(!info);
  CAF_CHECK(info.error().code == errc::cancelled);
  media::owned_fd unreadable{::open(ordinary().c_str(), O_WRONLY | O_CLOEXEC)};
  info = media::probe(unreadable.get(), "mp4", quiet_task());
  CAF_REQUIRE(!info);
  CAF_CHECK(info.error().code == errc::io);
}

CAF_TEST(the fingerprint follows the content) {
  auto content = read_file(real_file("openboard-common-wannaworktogether.mp4"));
  auto print = [&](const std::string& bytes) {
    write_file(scratch("print.bin"), bytes);
    return *media::fingerprint(open_source(scratch("print.bin")).get());
  };
  auto first = print(content);
  CAF_CHECK_EQUAL(first, print(content));
  CAF_CHECK_NOT_EQUAL(first, print(content + "x"));
  for (size_t at : {size_t{0}, size_t{100}, content.size() - 1}) {
    auto changed = content;
    changed[at] = static_cast<char>(changed[at] + 1);
    CAF_CHECK_NOT_EQUAL(first, print(changed));
  }
}

#define CAF_SUITE media.matrix.damage

// Damaged films, and films that become others half-way.

#include "tests/support/unit_test.hpp"
#include "tests/unit/media/lab.hpp"

#include <algorithm>
#include <cmath>

using namespace troupe;
using namespace media_test;

namespace {

std::string film(const std::string& name, const std::string& more = {}) {
  auto path = scratch(name);
  ffmpeg("-f lavfi -i testsrc=s=320x240:r=25:d=10 -f lavfi -i sine=d=10 -c:v libx264 -preset veryfast -g 25 -pix_fmt "
         "yuv420p "
         "-c:a aac "
         + more + " " + path);
  return path;
}

} // namespace

CAF_TEST(a truncated tail) {
  for (auto* name : {"tail.mkv", "tail.ts", "tail.mp4", "tail.avi"}) {
    const bool mp4 = name == std::string("tail.mp4");
    auto content = read_file(film("whole" + std::string(name).substr(4), mp4 ? "-movflags +faststart"
                                                                         : std::string(name) == "tail.avi" ? "-bf 0"
                                                                                                           : ""));
    auto path = scratch(name);
    for (double part : {0.96, 0.5}) {
      write_file(path, content.substr(0, static_cast<size_t>(static_cast<double>(content.size()) * part)));
      auto o = run(path, "web-480p");
      CAF_MESSAGE(name << " " << part << ": " << o.text());
      // Of a transport stream nobody can tell that there was more; of AVI libav believes the file's size.
      if (part > 0.9 || name == std::string("tail.ts") || name == std::string("tail.avi")) {
        CAF_REQUIRE(o.answer.has_value());
        auto seen = times(path).size();
        auto made = times(scratch("out.mp4")).size();
        CAF_CHECK(made + 3 >= seen && made <= seen);
      } else {
        CAF_REQUIRE(!o.answer);
        CAF_CHECK(o.answer.error().code == errc::bad_media);
      }
    }
  }
}

CAF_TEST(a damaged middle) {
  for (auto* name : {"hole.mkv", "hole.ts", "hole.mp4"}) {
    auto path = film(name);
    auto content = read_file(path);
    for (size_t i = 0; i < 1500; ++i)
      content[content.size() / 2 + i] = static_cast<char>(i * 7);
    write_file(path, content);
    auto o = run(path, "web-480p");
    CAF_MESSAGE(name << ": " << o.text());
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    CAF_CHECK(!o.answer->warnings.empty());
    CAF_CHECK(times(scratch("out.mp4")).size() >= 200);
    CAF_CHECK(std::fabs(o.answer->output.duration - 10) < 0.2);
    CAF_CHECK(std::fabs(heard(scratch("out.mp4")).seconds() - 10) < 0.3);
  }
}

CAF_TEST(the picture changes its size and shape on the way) {
  struct change {
    const char* name;
    int width, height;
    const char* more;
    /// Where the second picture ends in the first one's frame, or 0: it fills it.
    double side;
  };
  for (auto& c :
       {change{"larger", 256, 192, "", 0}, change{"smaller", 64, 48, "", 0}, change{"wide", 256, 96, "", 0.25},
        change{"tall", 64, 128, "", 0.3}, change{"other pixels", 128, 96, ",setsar=2/1", 0.25}}) {
    auto first = scratch("a.ts");
    auto second = scratch("b.ts");
    ffmpeg("-f lavfi -i \"" + four_colors(128, 96, 1) + "\" -pix_fmt yuv420p -c:v mpeg2video -q:v 2 " + first);
    ffmpeg("-f lavfi -i \"" + four_colors(c.width, c.height, 1) + c.more
           + "\" -pix_fmt yuv420p -c:v mpeg2video -q:v 2 -output_ts_offset 1 " + second);
    auto path = scratch("changes.ts");
    write_file(path, read_file(first) + read_file(second));
    CAF_MESSAGE(c.name);
    auto o = run(path, encoding("web-720p"), std::string("changes to ") + c.name);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    auto t = times(scratch("out.mp4"));
    CAF_CHECK(t.size() >= 49);
    CAF_CHECK(quarters_are(shown(scratch("out.mp4"), 5), "rgby"));
    auto last = shown(scratch("out.mp4"), static_cast<int>(t.size()) - 2);
    CAF_CHECK_EQUAL(last.width, 128);
    CAF_CHECK_EQUAL(last.height, 96);
    if (c.side == 0) {
      CAF_CHECK(quarters_are(last, "rgby"));
      continue;
    }
    // In its own shape, with black beside it.
    const bool wide = c.name != std::string("tall");
    auto edge = wide ? last.at(0.3, 0.06) : last.at(0.06, 0.3);
    CAF_CHECK(distance(edge, {0, 0, 0}) < 24);
    CAF_CHECK(distance(last.at(0.4, 0.4), {255, 0, 0}) < 24);
    CAF_CHECK(distance(last.at(0.6, 0.6), {255, 255, 0}) < 24);
  }
}

CAF_TEST(interlaced pictures begin half - way) {
  auto first = scratch("a.ts");
  auto second = scratch("b.ts");
  ffmpeg("-f lavfi -i testsrc=s=128x96:d=1 -pix_fmt yuv420p -c:v mpeg2video -q:v 2 " + first);
  ffmpeg("-f lavfi -i testsrc=s=128x96:r=50:d=1,tinterlace=interleave_top,setfield=tff -pix_fmt yuv420p -flags "
         "+ildct+ilme -c:v mpeg2video "
         "-q:v 2 -output_ts_offset 1 "
         + second);
  auto path = scratch("mixed.ts");
  write_file(path, read_file(first) + read_file(second));
  auto o = run(path, "web-720p");
  CAF_CHECK_EQUAL(o.text(), "ok");
  if (!o.answer)
    return;
  auto t = times(scratch("out.mp4"));
  CAF_CHECK(t.size() >= 49);
  for (size_t i = 1; i < t.size(); ++i)
    CAF_CHECK(t[i] - t[i - 1] < 0.09);
}

CAF_TEST(tracks of which nothing comes) {
  // The header promises three sounds and a subtitle; the second sound and the subtitle are empty.
  write_file(scratch("empty.srt"), "1\n00:00:01,000 --> 00:00:02,000\nx\n");
  write_file(scratch("empty.txt"), ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=2\ntitle=one\n");
  auto path = scratch("empty.mkv");
  ffmpeg("-f lavfi -i testsrc=s=320x240:r=25:d=4 " + pitches("mono", 1, 48000, 4) + " -i " + scratch("empty.srt")
         + " -i " + scratch("empty.txt")
         + " -filter_complex '[1:a]asplit=3[a][b][c];[c]volume=0.25[d]' -map 0:v -map [a] -map [b] -map [d]"
         + " -map 2 -c:v libx264 -pix_fmt yuv420p -c:a aac -c:s srt " + scratch("promised.mkv"));
  ffmpeg("-i " + scratch("promised.mkv") + " -map 0 -c copy -bsf:a:1 noise=drop=1 -bsf:s noise=drop=1 " + path);
  CAF_REQUIRE_EQUAL(ffprobe(path)["streams"].size(), 5u);
  auto quiet = encoding("web-480p");
  quiet.loudness = -23;
  auto matroska = encoding("remux");
  matroska.container = "matroska";
  matroska.extension = "mkv";
  auto fitting = encoding("web-480p");
  fitting.copy_fitting = true;
  for (auto& profile :
       {encoding("web-480p"), quiet, fitting, encoding("remux"), matroska, encoding("webm"), encoding("audio-only")}) {
    CAF_MESSAGE(profile.name << " " << profile.container << " " << profile.loudness);
    auto o = run(path, profile);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    CAF_CHECK(warned(o, "stream 2 is empty"));
    CAF_CHECK(std::find(o.answer->empty.begin(), o.answer->empty.end(), 2u) != o.answer->empty.end());
    // Those around it are whole and themselves.
    const bool kept = profile.container == "matroska" || profile.container == "webm";
    auto first = heard(scratch("out." + profile.extension));
    auto last = heard(scratch("out." + profile.extension), kept ? "a:2" : "a:1");
    CAF_CHECK(std::fabs(last.seconds() - 4) < 0.2);
    if (profile.loudness == 0)
      CAF_CHECK(std::fabs(first.level(0, pitch(0)) / last.level(0, pitch(0)) - 4) < 0.3);
  }
}

CAF_TEST(pictures none of which is a keyframe beside a sound of which nothing comes) {
  // As a recording that was begun in the middle: decoders make a picture of what changes.
  auto path = scratch("begun.mkv");
  ffmpeg(
    "-f lavfi -i testsrc=s=128x96:r=25:d=2 -f lavfi -i sine=d=2 -c:v flv1 -g 1000 -sc_threshold 1000000000 -c:a aac "
    + scratch("whole.mkv"));
  ffmpeg("-i " + scratch("whole.mkv") + " -map 0 -c copy -copyinkf -bsf:a noise=drop=1 -bsf:v 'noise=drop=not(n)' "
         + path);
  auto o = run(path, "web-480p");
  CAF_CHECK_EQUAL(o.text(), "ok");
  if (!o.answer)
    return;
  CAF_CHECK(o.answer->empty == std::vector<uint32_t>{1});
  CAF_CHECK_EQUAL(times(scratch("out.mp4")).size(), 49u);
}

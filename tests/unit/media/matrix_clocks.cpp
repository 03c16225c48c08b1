#define CAF_SUITE media.matrix.clocks

// Clocks that jump, begin anew, begin late or tick seldom, and long silence between sounds: all of the film is there, at
// its time.

#include "tests/support/unit_test.hpp"
#include "tests/unit/media/lab.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <fstream>

using namespace troupe;
using namespace media_test;

namespace {

double longest_gap(const std::vector<double>& t) {
  double most = 0;
  for (size_t i = 1; i < t.size(); ++i)
    most = std::max(most, t[i] - t[i - 1]);
  return most;
}

/// The packets of a transport stream in another order: those of the sound so many places later.
std::string with_late_sound(const std::string& stream, size_t places) {
  constexpr size_t packet = 188;
  constexpr unsigned sound_pid = 0x101;
  std::vector<std::pair<size_t, size_t>> order;
  for (size_t i = 0; i < stream.size() / packet; ++i) {
    auto* bytes = reinterpret_cast<const unsigned char*>(stream.data()) + i * packet;
    const unsigned pid = (bytes[1] & 0x1fu) << 8 | bytes[2];
    order.emplace_back(i + (pid == sound_pid ? places : 0), i);
  }
  std::sort(order.begin(), order.end());
  std::string out;
  for (auto& [place, i] : order)
    out += stream.substr(i * packet, packet);
  return out;
}

/// Runs `body` while this process may take up so much more memory.
template <class F>
void with_more_memory(rlim_t bytes, F body) {
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit before{};
  ::getrlimit(RLIMIT_AS, &before);
  const rlimit limited{pages * 4096 + bytes, before.rlim_max};
  ::setrlimit(RLIMIT_AS, &limited);
  body();
  ::setrlimit(RLIMIT_AS, &before);
}

/// Two flashes and two beeps of each of two films, one behind the other.
void check_both_films(const std::string& path) {
  auto t = times(path);
  CAF_CHECK_EQUAL(t.size(), 150u);
  CAF_CHECK(longest_gap(t) < 0.2);
  auto flash = flashes(path);
  auto beep = beeps(path);
  CAF_CHECK_EQUAL(flash.size(), 4u);
  CAF_CHECK_EQUAL(beep.size(), 4u);
  for (size_t i = 0; i < std::min(flash.size(), beep.size()); ++i)
    CAF_CHECK(std::fabs(flash[i] - beep[i]) < 0.03);
}

} // namespace

CAF_TEST(streams that lie apart go over to a new clock one by one) {
  const auto first = scratch("first.ts");
  const auto second = scratch("second.ts");
  const auto coded = flash_and_beep() + " -c:v libx264 -preset ultrafast -g 25 -b:v 200k -c:a aac -muxrate 600k ";
  for (auto* offsets : {"0 1000", "1000 0"}) {
    std::string from = offsets;
    const auto blank = from.find(' ');
    ffmpeg(coded + "-output_ts_offset " + from.substr(0, blank) + " " + first);
    ffmpeg(coded + "-output_ts_offset " + from.substr(blank) + " " + second);
    // 600 kbit/s are 400 packets a second.
    const auto path = scratch("splice.ts");
    write_file(path, with_late_sound(read_file(first) + read_file(second), 320));
    CAF_MESSAGE(offsets);
    for (auto* profile : {"web-720p", "remux"}) {
      auto o = run(path, encoding(profile));
      CAF_CHECK_EQUAL(o.text(), "ok");
      if (o.answer)
        check_both_films(scratch("out." + encoding(profile).extension));
    }
  }
}

CAF_TEST(pictures far apart are no jump) {
  const auto path = scratch("rare.ts");
  ffmpeg("-f lavfi -i testsrc2=r=1/15:d=120:s=64x48 -c:v libx264 -preset ultrafast -pix_fmt yuv420p " + path);
  auto o = run(path, encoding("web-720p"));
  CAF_CHECK_EQUAL(o.text(), "ok");
  CAF_REQUIRE(o.answer.has_value());
  auto t = times(scratch("out.mp4"));
  CAF_REQUIRE_EQUAL(t.size(), 8u);
  for (size_t i = 0; i < t.size(); ++i)
    CAF_CHECK(std::fabs(t[i] - 15.0 * static_cast<double>(i)) < 0.01);
}

CAF_TEST(a sender that began anew) {
  const auto part = scratch("part.flv");
  const auto path = scratch("twice.flv");
  ffmpeg(flash_and_beep() + " -c:v libx264 -preset ultrafast -g 25 -bf 0 -c:a aac " + part);
  const auto content = read_file(part);
  // Without the second's header.
  write_file(path, content + content.substr(13));
  for (auto* profile : {"web-720p", "remux"}) {
    CAF_MESSAGE(profile);
    auto o = run(path, encoding(profile));
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (o.answer)
      check_both_films(scratch("out." + encoding(profile).extension));
  }
}

CAF_TEST(frames without a time of their own are counted) {
  const auto whole = scratch("whole.mkv");
  const auto more = scratch("more.mkv");
  const auto path = scratch("back.mkv");
  const std::string coded = ":s=64x48:r=25 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -live 1 ";
  ffmpeg("-f lavfi -i testsrc=d=4" + coded + whole);
  for (bool much : {false, true}) {
    ffmpeg("-f lavfi -i testsrc=d=" + std::string(much ? "2" : "0.2") + coded + more);
    const auto content = read_file(more);
    write_file(path, read_file(whole) + content.substr(content.find("\x1f\x43\xb6\x75")));
    auto o = run(path, encoding("web-720p"));
    if (much) {
      CAF_CHECK(!o.answer && o.answer.error().code == errc::bad_media);
      CAF_CHECK(!o.answer && o.answer.error().message.find("50 of 150 frames of stream 0") != std::string::npos);
      continue;
    }
    CAF_CHECK_EQUAL(o.text(), "ok");
    CAF_CHECK(warned(o, "5 of 105 frames of stream 0 were left out"));
  }
}

CAF_TEST(a stream of Matroska that begins late) {
  const std::string tones = " -f lavfi -i sine=d=3:r=44100 ";
  const std::string coded = " -c:v libx264 -preset ultrafast -g 50 -pix_fmt yuv420p -c:a aac ";
  const auto path = scratch("late.mkv");
  for (auto* late : {"sound", "picture"}) {
    const bool sound = late == std::string("sound");
    const std::string lengths = sound ? "-f lavfi -i testsrc=s=64x48:r=25:d=33 -itsoffset 30" + tones
                                      : "-itsoffset 5 -f lavfi -i testsrc=s=64x48:r=25:d=3 -f lavfi -i sine=d=8 ";
    ffmpeg(lengths + coded + path);
    CAF_MESSAGE(late);
    for (auto* profile : {"web-720p", "remux"}) {
      auto o = run(path, encoding(profile));
      CAF_CHECK_EQUAL(o.text(), "ok");
      if (!o.answer)
        continue;
      const auto made = scratch("out." + encoding(profile).extension);
      CAF_CHECK(std::fabs(times(made, "a:0").front() - (sound ? 30 : 0)) < 0.06);
      CAF_CHECK(std::fabs(times(made).front() - (sound ? 0 : 5)) < 0.06);
    }
  }
}

CAF_TEST(Matroska that begins between two keyframes) {
  const auto whole = scratch("whole.ts");
  const auto part = scratch("part.ts");
  const auto path = scratch("between.mkv");
  ffmpeg("-f lavfi -i testsrc=s=64x48:r=25:d=6 -f lavfi -i sine=d=6 -c:v libx264 -preset ultrafast -g 50 "
         "-pix_fmt yuv420p -c:a aac -muxrate 600k "
         + whole);
  // From 1 s on: the next keyframe is a second later.
  write_file(part, read_file(whole).substr(400 * 188));
  ffmpeg("-fflags +discardcorrupt -i " + part + " -c copy -copyinkf " + path);
  for (auto* profile : {"web-720p", "remux"}) {
    CAF_MESSAGE(profile);
    auto o = run(path, encoding(profile));
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    const auto made = scratch("out." + encoding(profile).extension);
    CAF_CHECK(std::fabs(times(made).front() - keyframes(path).front() + times(path, "a:0").front()) < 0.06);
    CAF_CHECK(times(made).front() > 0.2);
  }
}

CAF_TEST(films behind one another in one Ogg file) {
  const auto part = scratch("part.ogg");
  const auto path = scratch("chain.ogg");
  ffmpeg("-f lavfi -i sine=d=30 -c:a libvorbis " + part);
  write_file(path, read_file(part) + read_file(part));
  auto o = run(path, encoding("audio-only"));
  CAF_CHECK_EQUAL(o.text(), "ok");
  CAF_REQUIRE(o.answer.has_value());
  CAF_CHECK(std::fabs(heard(scratch("out." + encoding("audio-only").extension)).seconds() - 60) < 0.1);
}

CAF_TEST(keyframes of a film whose frames become more) {
  const auto path = scratch("faster.mkv");
  ffmpeg("-f lavfi -i testsrc=s=64x48:r=60:d=10 -vf \"select='gt(t,5)+not(mod(n,2))'\" -vsync vfr -c:v libx264 "
         "-preset ultrafast -pix_fmt yuv420p "
         + path);
  auto p = encoding("web-720p");
  p.keyframe_interval = 2;
  auto o = run(path, p);
  CAF_CHECK_EQUAL(o.text(), "ok");
  CAF_REQUIRE(o.answer.has_value());
  CAF_CHECK(longest_gap(keyframes(scratch("out.mp4"))) < 2.05);
}

CAF_TEST(long silence between sounds takes little memory) {
  const auto path = scratch("silence.mkv");
  ffmpeg("-f lavfi -i color=black:s=64x48:r=1:d=130 -f lavfi -i sine=r=192000:d=130 -filter:a "
         "\"aselect='lt(t,2)+gt(t,120)',pan=7.1|c0=c0|c1=c0\" -c:v libx264 -preset ultrafast -c:a flac "
         + path);
  outcome o;
  // In one piece the silence alone would be 700 MB.
  with_more_memory(rlim_t{500} << 20, [&] { o = run(path, encoding("web-720p")); });
  CAF_CHECK_EQUAL(o.text(), "ok");
  CAF_REQUIRE(o.answer.has_value());
  auto made = heard(scratch("out.mp4"));
  CAF_CHECK(std::fabs(made.seconds() - 130) < 0.1);
  CAF_CHECK(made.level(0, 440, 0.5, 1.5) > 0.01);
  CAF_CHECK(made.level(0, 440, 10, 110) < 0.001);
  CAF_CHECK(made.level(0, 440, 118, 119.9) < 0.001);
  CAF_CHECK(made.level(0, 440, 120.2, 129) > 0.01);
}

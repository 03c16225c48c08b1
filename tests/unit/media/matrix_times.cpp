#define CAF_SUITE media.matrix.times

// Awkward timestamps through transcode: every picture at its time, and the sound with it.

#include "tests/support/unit_test.hpp"
#include "tests/unit/media/lab.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

using namespace troupe;
using namespace media_test;

namespace {

constexpr double allowed = 0.005;

/// Times as they are to be: those of the source, the first at 0.
std::vector<double> from_zero(std::vector<double> t) {
  const double first = t.empty() ? 0 : t.front();
  for (auto& x : t)
    x -= first;
  return t;
}

/// The largest difference; infinite when the numbers differ.
double difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) {
    CAF_MESSAGE(a.size() << " and " << b.size() << " frames");
    return INFINITY;
  }
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i)
    most = std::max(most, std::fabs(a[i] - b[i]));
  return most;
}

double longest_gap(const std::vector<double>& t) {
  double most = 0;
  for (size_t i = 1; i < t.size(); ++i)
    most = std::max(most, t[i] - t[i - 1]);
  return most;
}

/// The n-th picture is the same in both.
void check_order(const std::string& first, const std::string& second) {
  for (int n : {0, 5, 6, 7, 30}) {
    auto a = shown(first, n);
    auto b = shown(second, n);
    double sum = 0;
    for (size_t i = 0; i < a.bytes.size() && i < b.bytes.size(); ++i)
      sum += std::abs(a.bytes[i] - b.bytes[i]);
    CAF_CHECK(sum / static_cast<double>(a.bytes.size()) < 6);
  }
}

/// Cuts a transport stream into two at a time and joins them with the second one's clock moved.
std::string jumping(const std::string& name, const std::string& arguments, const std::string& second_offset) {
  auto first = scratch("first.ts");
  auto second = scratch("second.ts");
  ffmpeg(arguments + " -c:v libx264 -g 25 -preset ultrafast -c:a aac -t 3 " + first);
  ffmpeg(arguments + " -c:v libx264 -g 25 -preset ultrafast -c:a aac -t 3 -output_ts_offset " + second_offset + " " + second);
  auto path = scratch(name);
  write_file(path, read_file(first) + read_file(second));
  return path;
}

} // namespace

CAF_TEST(variable frame rates and long gaps) {
  struct rate {
    const char* name;
    const char* select;
    const char* file;
  };
  for (auto& r : {rate{"slower half-way", "lt(t,1)+not(mod(n,5))", "v.mkv"}, rate{"a gap of 20 s", "lt(t,1)+gt(t,21)", "v.mp4"},
                  rate{"uneven", "not(mod(n*n,7))", "v.mkv"}, rate{"one frame, then ten seconds later", "lt(n,1)+gt(t,10)*lt(t,10.1)", "v.mp4"}}) {
    auto path = scratch(r.file);
    ffmpeg(std::string("-f lavfi -i testsrc=s=64x64:r=25:d=22 -vf \"select='") + r.select
           + "'\" -vsync vfr -c:v libx264 -pix_fmt yuv420p " + path);
    for (auto* profile : {"web-720p", "av1"}) {
      auto p = encoding(profile);
      p.preset = profile == std::string("av1") ? "12" : p.preset;
      CAF_MESSAGE(r.name << " " << profile);
      auto o = run(path, p);
      CAF_CHECK_EQUAL(o.text(), "ok");
      if (!o.answer)
        continue;
      CAF_CHECK(difference(from_zero(times(path)), times(scratch("out." + p.extension))) < 0.0011);
    }
  }
}

CAF_TEST(few and many frames a second) {
  for (auto* rate : {"1", "1000", "24000/1001", "120"}) {
    auto path = scratch("rate.mkv");
    const bool slow = rate == std::string("1");
    ffmpeg(std::string("-f lavfi -i color=red:s=64x48:d=") + (slow ? "5" : "0.5") + ":r=" + rate
           + " -c:v libx264 -preset ultrafast -pix_fmt yuv420p " + path);
    auto o = run(path, "web-720p");
    CAF_MESSAGE(rate);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    CAF_CHECK(difference(from_zero(times(path)), times(scratch("out.mp4"))) < 0.0011);
    auto limited = encoding("web-720p");
    limited.max_frame_rate = 30;
    o = run(path, limited);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    auto t = times(scratch("out.mp4"));
    CAF_CHECK(t.size() < 2 || static_cast<double>(t.size() - 1) / (t.back() - t.front()) < 30.5);
    CAF_CHECK(static_cast<double>(t.size()) > std::min(0.9 * 15, 4.0));
  }
  auto path = scratch("one.mkv");
  ffmpeg("-f lavfi -i \"" + four_colors(64, 48, 0.04) + "\" -c:v ffv1 " + path);
  auto o = run(path, "web-720p");
  CAF_CHECK_EQUAL(o.text(), "ok");
  if (!o.answer)
    return;
  CAF_CHECK_EQUAL(o.answer->frames, 1);
  CAF_CHECK(quarters_are(shown(scratch("out.mp4")), "rgby"));
}

CAF_TEST(at most so many frames a second of a recording with a clock of its own) {
  // 60 frames a second with times in milliseconds, jittering, as screens are recorded: the header tells no rate.
  auto path = scratch("screen.mkv");
  ffmpeg("-f lavfi -i testsrc=s=64x48:r=1000:d=3 -vf \"select='not(mod(n,17))+not(mod(n,50))'\" -vsync vfr -c:v libx264 "
         "-preset ultrafast -pix_fmt yuv420p "
         + path);
  auto limited = encoding("web-720p");
  limited.max_frame_rate = 30;
  limited.keyframe_interval = 1;
  auto o = run(path, limited);
  CAF_CHECK_EQUAL(o.text(), "ok");
  if (!o.answer)
    return;
  auto t = times(scratch("out.mp4"));
  CAF_MESSAGE(t.size() << " frames");
  CAF_CHECK(t.size() >= 70 && t.size() <= 92);
  CAF_CHECK(longest_gap(t) < 0.07);
  CAF_CHECK(longest_gap(keyframes(scratch("out.mp4"))) < 1.05);
}

CAF_TEST(keyframes come as often as was asked for) {
  struct source {
    const char* arguments;
    const char* profile;
  };
  for (auto& s : {source{"-f lavfi -i testsrc=s=64x48:r=25:d=6", "web-720p"}, source{"-f lavfi -i testsrc=s=64x48:r=25:d=6", "hevc"},
                  source{"-f lavfi -i testsrc=s=64x64:r=25:d=6", "av1"}, source{"-f lavfi -i testsrc=s=64x48:r=25:d=6", "webm"},
                  source{"-f lavfi -i testsrc=s=64x48:r=50:d=6 -vf \"select='lt(t,1)+not(mod(n,10))'\" -vsync vfr", "web-720p"},
                  source{"-f lavfi -i testsrc=s=64x48:r=50:d=6 -vf \"select='lt(t,1)+not(mod(n,10))'\" -vsync vfr", "webm"}}) {
    auto path = scratch("keys.mkv");
    ffmpeg(s.arguments + std::string(" -c:v libx264 -preset ultrafast -pix_fmt yuv420p ") + path);
    auto p = encoding(s.profile);
    p.keyframe_interval = 1.5;
    p.preset = s.profile == std::string("av1") ? "12" : s.profile == std::string("hevc") ? "ultrafast" : p.preset;
    CAF_MESSAGE(s.arguments << " " << s.profile);
    auto o = run(path, p);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    auto keys = keyframes(scratch("out." + p.extension));
    auto all = times(scratch("out." + p.extension));
    CAF_CHECK(keys.size() >= 4 && keys.size() <= 8);
    CAF_CHECK(longest_gap(keys) < 1.72);
    CAF_CHECK(difference(from_zero(times(path)), all) < 0.0011);
  }
}

CAF_TEST(sound stays with the picture) {
  struct delay {
    const char* name;
    const char* arguments;
    const char* file;
    /// How much later the sound is in the source, seconds.
    double late;
  };
  const std::string coded = " -c:v libx264 -preset veryfast -g 25 -pix_fmt yuv420p -c:a aac ";
  for (auto& d : {delay{"mp4", "", "d.mp4", 0}, delay{"mkv", "", "d.mkv", 0}, delay{"ts", "", "d.ts", 0},
                  delay{"avi", "-bf 0", "d.avi", 0}, delay{"flv", "", "d.flv", 0},
                  delay{"delayed sound in mp4", "-filter:a adelay=0,asetpts=PTS+0.4/TB", "d.mp4", 0.4},
                  delay{"delayed sound in mkv", "-filter:a asetpts=PTS+0.4/TB", "d.mkv", 0.4},
                  delay{"delayed sound in ts", "-filter:a asetpts=PTS+0.4/TB", "d.ts", 0.4},
                  delay{"delayed picture in mp4", "-filter:v setpts=PTS+0.52/TB", "d.mp4", -0.52},
                  delay{"delayed picture in mkv", "-filter:v setpts=PTS+0.52/TB", "d.mkv", -0.52},
                  delay{"delayed picture in ts", "-filter:v setpts=PTS+0.52/TB", "d.ts", -0.52},
                  delay{"a late start", "-output_ts_offset 1000", "d.ts", 0}, delay{"a late start in mkv", "-output_ts_offset 50", "d.mkv", 0},
                  delay{"mp4 of fragments", "-movflags +frag_keyframe+empty_moov", "d.mp4", 0},
                  delay{"opus", "-c:a libopus", "d.mkv", 0}, delay{"mp3", "-c:a libmp3lame", "d.mp4", 0}}) {
    auto path = scratch(d.file);
    ffmpeg(flash_and_beep() + coded + d.arguments + " " + path);
    CAF_MESSAGE(d.name << ": " << sound_late(path) << " s late");
    struct made {
      const char* profile;
      bool copy;
    };
    for (auto& m : {made{"web-720p", false}, made{"webm", false}, made{"remux", true}}) {
      if (m.copy && d.file == std::string("d.avi"))
        continue;
      auto p = encoding(m.profile);
      auto o = run(path, p);
      CAF_CHECK_EQUAL(o.text(), "ok");
      if (!o.answer)
        continue;
      const double late = sound_late(scratch("out." + p.extension));
      CAF_MESSAGE(m.profile << ": " << late << " s late");
      CAF_CHECK(std::fabs(late - sound_late(path)) < allowed);
    }
  }
}

CAF_TEST(edit lists and films that were cut without decoding) {
  auto whole = scratch("whole.mp4");
  ffmpeg(flash_and_beep() + " -c:v libx264 -preset veryfast -g 25 -bf 2 -pix_fmt yuv420p -c:a aac " + whole);
  for (auto* name : {"cut.mp4", "cut.mov", "cut.mkv"}) {
    auto path = scratch(name);
    // From between two keyframes: in mp4 an edit list hides what comes before.
    ffmpeg("-ss 0.6 -i " + whole + " -c copy " + path);
    CAF_MESSAGE(name);
    for (bool copy : {false, true}) {
      auto o = run(path, "web-720p", copy);
      CAF_CHECK_EQUAL(o.text(), "ok");
      if (!o.answer)
        continue;
      CAF_CHECK(std::fabs(sound_late(scratch("out.mp4")) - sound_late(path)) < allowed);
      CAF_CHECK_EQUAL(times(scratch("out.mp4")).size(), times(path).size());
    }
  }
}

CAF_TEST(the clock of a transport stream jumps) {
  for (auto* offset : {"1003", "40", "95440"}) {
    // 95440 s: the clock of 33 bits runs over in the second part.
    auto path = jumping("jump.ts", flash_and_beep(), offset);
    CAF_MESSAGE("to " << offset);
    auto o = run(path, "web-720p");
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    auto t = times(scratch("out.mp4"));
    CAF_CHECK(t.size() >= 148 && t.size() <= 150);
    CAF_CHECK(longest_gap(t) < 0.2);
    auto flash = flashes(scratch("out.mp4"));
    auto beep = beeps(scratch("out.mp4"));
    CAF_CHECK_EQUAL(flash.size(), 4u);
    CAF_CHECK_EQUAL(beep.size(), 4u);
    for (size_t i = 0; i < std::min(flash.size(), beep.size()); ++i)
      CAF_CHECK(std::fabs(flash[i] - beep[i]) < allowed);
  }
  // Backward: the first part lies late.
  auto first = scratch("late.ts");
  auto second = scratch("early.ts");
  ffmpeg(flash_and_beep() + " -c:v libx264 -preset ultrafast -g 25 -c:a aac -output_ts_offset 5000 " + first);
  ffmpeg(flash_and_beep() + " -c:v libx264 -preset ultrafast -g 25 -c:a aac " + second);
  auto path = scratch("back.ts");
  write_file(path, read_file(first) + read_file(second));
  auto o = run(path, "web-720p");
  CAF_CHECK_EQUAL(o.text(), "ok");
  if (!o.answer)
    return;
  CAF_CHECK(times(scratch("out.mp4")).size() >= 148);
  CAF_CHECK_EQUAL(flashes(scratch("out.mp4")).size(), 4u);
  CAF_CHECK_EQUAL(beeps(scratch("out.mp4")).size(), 4u);
}

CAF_TEST(pictures without times of their own) {
  struct file {
    const char* name;
    const char* arguments;
    const char* path;
    /// Their order is in the pictures alone: what is copied would be shown in a wrong one.
    bool copies;
  };
  for (auto& f : {file{"raw h264", "-c:v libx264 -preset veryfast -bf 3", "r.h264", false},
                  file{"raw h264 in order", "-c:v libx264 -preset veryfast -bf 0", "o.h264", true},
                  file{"raw hevc", "-c:v libx265 -preset veryfast -x265-params log-level=none", "r.hevc", false},
                  file{"raw mpeg2", "-c:v mpeg2video -bf 2", "r.m2v", true},
                  file{"h264 in avi", "-c:v libx264 -preset veryfast -bf 0", "o.avi", true},
                  file{"h264 with B-frames in avi", "-c:v libx264 -preset veryfast -bf 3", "b.avi", false},
                  file{"mpeg4 with B-frames in avi", "-c:v mpeg4 -bf 2", "m.avi", false},
                  file{"xvid in avi", "-c:v libxvid -bf 2 -vtag XVID", "x.avi", false}}) {
    auto path = scratch(f.path);
    ffmpeg("-f lavfi -i testsrc=s=96x64:r=25:d=2 -pix_fmt yuv420p " + std::string(f.arguments) + " " + path);
    const auto frames = std::stoul(output_of("ffprobe -v quiet -count_frames -show_entries stream=nb_read_frames -of csv=p=0 "
                                            + path));
    for (auto* profile : {"web-720p", "remux"}) {
      CAF_MESSAGE(f.name << " " << profile);
      auto o = run(path, profile);
      if (profile == std::string("remux") && !f.copies) {
        CAF_CHECK(!o.answer && o.answer.error().message.find("can't be copied") != std::string::npos);
        continue;
      }
      CAF_CHECK_EQUAL(o.text(), "ok");
      if (!o.answer)
        continue;
      auto t = times(scratch("out.mp4"));
      CAF_CHECK_EQUAL(t.size(), frames);
      CAF_CHECK(longest_gap(t) < 0.0405);
      CAF_CHECK(std::is_sorted(t.begin(), t.end()) && t.front() < 0.1);
      check_order(path, scratch("out.mp4"));
    }
  }
}

CAF_TEST(real films in AVI with packed pictures) {
  for (auto* name :
       {"opencv-doc-Megamind.avi", "python3-mecavideo-Force_constante.avi", "python3-mecavideo-balle1-vp9.avi"}) {
    auto path = real_file(name);
    auto was = times(path);
    for (auto* profile : {"web-480p", "remux"}) {
      auto o = run(path, profile);
      CAF_MESSAGE(name << " " << profile);
      if (!o.answer && o.answer.error().code == errc::unprocessable)
        continue;
      CAF_CHECK_EQUAL(o.text(), "ok");
      if (!o.answer)
        continue;
      auto t = times(scratch("out.mp4"));
      CAF_CHECK(std::fabs(static_cast<double>(t.size()) - static_cast<double>(was.size())) <= 1);
      CAF_CHECK(std::is_sorted(t.begin(), t.end()));
      CAF_CHECK(longest_gap(t) < longest_gap(was) + 0.002);
    }
  }
}

CAF_TEST(sound and picture of different length) {
  for (auto* arguments : {"-f lavfi -i testsrc=s=64x48:d=4 -f lavfi -i sine=d=1", "-f lavfi -i testsrc=s=64x48:d=1 -f lavfi -i sine=d=4",
                          "-f lavfi -i testsrc=s=64x48:d=0.04 -f lavfi -i sine=d=4"}) {
    auto path = scratch("lengths.mkv");
    ffmpeg(arguments + std::string(" -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac ") + path);
    auto o = run(path, "web-720p");
    CAF_MESSAGE(arguments);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    CAF_CHECK_EQUAL(times(path).size(), times(scratch("out.mp4")).size());
    CAF_CHECK(std::fabs(heard(path).seconds() - heard(scratch("out.mp4")).seconds()) < 0.05);
    CAF_CHECK(std::fabs(o.answer->output.duration - o.source.duration) < 0.1);
  }
}

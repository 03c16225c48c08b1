#define CAF_SUITE media.verify

#include "media/verify.hpp"
#include "media/probe.hpp"
#include "media/transcode.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/media/samples.hpp"

#include <algorithm>
#include <random>

using namespace troupe;
using namespace media_test;

namespace {

/// A source with its sound half a second late, and what a profile makes of it.
struct made_film {
  exec::request request;
  std::string path;
};

std::string late_sound() {
  static const auto path = [] {
    auto p = scratch("verify-source.mkv");
    ffmpeg("-f lavfi -i testsrc2=s=160x120:r=25:d=4 -itsoffset 0.5 -f lavfi -i sine=d=3.5 -c:v libx264 "
           "-preset ultrafast -pix_fmt yuv420p -c:a aac "
           + p);
    return p;
  }();
  return path;
}

made_film make(const media_profile& profile) {
  made_film film;
  auto& r = film.request;
  r.profile = profile;
  r.profile.copy_fitting = false;
  r.name_hint = "mkv";
  auto source = open_source(late_sound());
  r.source = *media::probe(source.get(), "mkv", quiet_task());
  film.path = scratch("verify-made." + profile.extension);
  auto answer = media::transcode(source.get(), open_output(film.path).get(), r, quiet_task());
  if (!answer)
    CAF_FAIL(profile.name << ": " << answer.error().message);
  r.frames = answer->frames;
  r.spans = answer->spans;
  return film;
}

media_profile quick(const char* name) {
  auto p = *find_profile(name);
  if (p.video_codec == "h264")
    p.preset = "ultrafast";
  return p;
}

std::vector<std::string> reasons(const exec::request& request, const std::string& path) {
  auto answer = media::verify(open_source(path).get(), request, quiet_task());
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->ok, answer->reasons.empty());
  for (auto& reason : answer->reasons)
    CAF_MESSAGE(reason);
  return answer->reasons;
}

bool one_says(const std::vector<std::string>& all, const char* text) {
  return std::any_of(all.begin(), all.end(), [&](auto& r) { return r.find(text) != std::string::npos; });
}

/// What verify says of the film after ffmpeg did something to it.
std::vector<std::string> spoiled(const made_film& film, const std::string& arguments) {
  const auto path = scratch("verify-spoiled." + film.request.profile.extension);
  ffmpeg("-i " + film.path + " " + arguments + " -movflags +faststart " + path);
  return reasons(film.request, path);
}

} // namespace

CAF_TEST(what the profiles make passes whole and in samples) {
  for (auto& profile : builtin_profiles()) {
    if (profile.container == "hls" || profile.name == "remux" || profile.name == "web-1080p")
      continue;
    auto film = make(quick(profile.name.c_str()));
    CAF_MESSAGE(profile.name);
    CAF_CHECK(reasons(film.request, film.path).empty());
    film.request.full = false;
    CAF_CHECK(reasons(film.request, film.path).empty());
  }
}

CAF_TEST(frames are counted) {
  auto film = make(quick("web-720p"));
  CAF_CHECK(reasons(film.request, film.path).empty());
  CAF_CHECK_EQUAL(film.request.frames, 100);
  for (bool full : {true, false}) {
    film.request.full = full;
    film.request.frames = 101;
    CAF_CHECK(one_says(reasons(film.request, film.path), "100 frames instead of 101"));
    film.request.frames = 100;
  }
  film.request.full = true;
  // Without the transcode's word the source's header has to do.
  film.request.frames = 0;
  CAF_CHECK(reasons(film.request, film.path).empty());
  auto source = scratch("verify-counted.mp4");
  ffmpeg("-i " + late_sound() + " -c copy " + source);
  film.request.source = *media::probe(open_source(source).get(), "mp4", quiet_task());
  CAF_CHECK(reasons(film.request, film.path).empty());
  CAF_CHECK(
    one_says(spoiled(film, "-vf select='mod(n\\,2)' -fps_mode passthrough -c:a copy"), "it has 50 frames of about"));
}

CAF_TEST(keyframes are as close as the profile asks) {
  auto profile = quick("web-720p");
  profile.keyframe_interval = 1;
  auto film = make(profile);
  CAF_CHECK(reasons(film.request, film.path).empty());
  film.request.profile.keyframe_interval = 0.5;
  CAF_CHECK(one_says(reasons(film.request, film.path), "frames from one keyframe to the next"));
}

CAF_TEST(sound and picture are in step) {
  auto film = make(quick("web-720p"));
  const auto in = "-itsoffset 0.4 -i " + film.path + " -map 0:v -map 1:a -c copy";
  CAF_CHECK(one_says(spoiled(film, in), "(audio) begins at 0.8"));
  CAF_CHECK(
    one_says(spoiled(film, "-itsoffset -0.4 -i " + film.path + " -map 0:v -map 1:a -c copy"), "(audio) begins at 0.0"));
  // Matroska does not say how long a stream is.
  auto source = scratch("verify-lengths.mp4");
  ffmpeg("-i " + late_sound() + " -c copy " + source);
  film.request.source = *media::probe(open_source(source).get(), "mp4", quiet_task());
  CAF_CHECK(reasons(film.request, film.path).empty());
  CAF_CHECK(one_says(spoiled(film, "-c:v copy -af atrim=end=1.5 -c:a aac"), "(audio) ends at"));
}

CAF_TEST(damage shows though pictures are not finished) {
  auto film = make(quick("web-720p"));
  const auto content = read_file(film.path);
  const auto data = content.find("mdat");
  for (int place = 1; place <= 40; ++place) {
    auto damaged = content;
    const auto at = data + (content.size() - data) * static_cast<size_t>(place) / 42;
    // Bytes of one kind may well be the code of a dull picture.
    std::mt19937 random(static_cast<unsigned>(place));
    std::generate_n(damaged.begin() + static_cast<long>(at), 300, [&] { return static_cast<char>(random()); });
    write_file(scratch("verify-damaged.mp4"), damaged);
    CAF_MESSAGE("place " << place << ", byte " << at);
    CAF_CHECK(!reasons(film.request, scratch("verify-damaged.mp4")).empty());
  }
}

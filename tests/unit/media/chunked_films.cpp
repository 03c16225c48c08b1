#define CAF_SUITE media.chunked_films

// A film made in chunks beside the same film made whole: the same frames at the same times, the same sound, pictures as
// good. TROUPE_SOAK=1 runs all films in 1 to 40 chunks, else a selection.

#include "media/chunk_plan.hpp"
#include "media/verify.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/media/chunked.hpp"

#include <cmath>
#include <cstdlib>

using namespace troupe;
using namespace media_test;

namespace {

struct film {
  const char* name;
  /// Makes the file at this path.
  std::function<void(const std::string& path)> make;
  std::vector<uint32_t> counts;
  /// Of the profile; 0: as the source has it.
  double max_frame_rate = 0;
};

const std::string picture = "-f lavfi -i testsrc2=s=320x180:r=25:d=8 -f lavfi -i sine=f=440:d=8:b=2 ";
const std::string x264 = "-c:v libx264 -preset superfast -pix_fmt yuv420p -bf 3 ";

void make_with(const std::string& arguments, const std::string& path) {
  ffmpeg(picture + arguments + " " + path);
}

const std::vector<film>& films() {
  static const std::vector<film> all{
    {"constant.mp4", [](auto& p) { make_with(x264 + "-g 5 -c:a aac", p); }, {1, 7, 40}},
    {"variable.mkv",
     [](auto& p) {
       make_with("-vf \"select='lt(t,3)+gt(t,3)*not(mod(n,7))+gt(t,6)*not(mod(n,2))'\" -vsync vfr " + x264
                   + "-g 10 -c:a libopus",
                 p);
     },
     {12}},
    {"open-gop.mp4",
     [](auto& p) { make_with(x264 + "-x264-params open-gop=1:keyint=20:scenecut=0 -c:a aac", p); },
     {5}},
    {"hevc.mkv",
     [](auto& p) {
       make_with("-c:v libx265 -preset ultrafast -x265-params log-level=error:open-gop=1:keyint=24:bframes=4 -c:a aac",
                 p);
     },
     {6}},
    {"mpeg2.mpg", [](auto& p) { make_with("-c:v mpeg2video -b:v 2M -bf 2 -g 12 -c:a mp2", p); }, {8}},
    {"edited.mp4",
     [](auto& p) {
       make_with(x264 + "-g 30 -c:a aac", scratch("unedited.mp4"));
       ffmpeg("-ss 1.3 -i " + scratch("unedited.mp4") + " -c copy " + p);
     },
     {5}},
    {"transport.ts", [](auto& p) { make_with(x264 + "-x264-params open-gop=1:keyint=25 -c:a aac", p); }, {6}},
    {"jump.ts",
     [](auto& p) {
       make_with(x264 + "-g 25 -c:a aac -t 3", scratch("a.ts"));
       // Behind the jump the sound is late: by itself it would not show how far the picture jumped.
       ffmpeg("-f lavfi -i testsrc2=s=320x180:r=25:d=5 -itsoffset 0.6 -f lavfi -i sine=d=4 " + x264
              + "-g 25 -c:a aac -output_ts_offset 5000 " + scratch("b.ts"));
       write_file(p, read_file(scratch("a.ts")) + read_file(scratch("b.ts")));
     },
     {5}},
    {"interlaced.ts",
     [](auto& p) { make_with("-vf setfield=tff -flags +ildct+ilme -c:v mpeg2video -b:v 2M -bf 2 -g 12 -c:a mp2", p); },
     {5}},
    {"turned.mov",
     [](auto& p) {
       make_with(x264 + "-g 20 -c:a aac", scratch("upright.mov"));
       write_turned(scratch("upright.mov"), p, 90);
     },
     {4}},
    {"no-cues.mkv",
     [](auto& p) {
       output_of("ffmpeg -nostdin -v error " + picture + x264 + "-g 25 -c:a aac -f matroska - </dev/null | cat > " + p);
     },
     {4}},
    {"fragments.mp4", [](auto& p) { make_with(x264 + "-g 25 -c:a aac -movflags +frag_keyframe+empty_moov", p); }, {4}},
    {"old.avi", [](auto& p) { make_with("-c:v mpeg4 -q:v 4 -bf 0 -g 20 -c:a libmp3lame", p); }, {5}},
    {"late-sound.mp4",
     [](auto& p) {
       ffmpeg("-f lavfi -i testsrc2=s=320x180:r=30000/1001:d=6 -itsoffset 0.7 -f lavfi -i sine=d=5 " + x264
              + "-g 15 -c:a aac " + p);
     },
     {6}},
    {"fast.mkv", [](auto& p) { ffmpeg("-f lavfi -i testsrc2=s=320x180:r=50:d=5 " + x264 + "-g 17 " + p); }, {5}, 25},
    {"turns-interlaced.ts",
     [](auto& p) {
       make_with("-c:v mpeg2video -b:v 2M -bf 2 -g 12 -c:a mp2 -t 3", scratch("a.ts"));
       make_with("-vf setfield=tff -flags +ildct+ilme -c:v mpeg2video -b:v 2M -bf 2 -g 12 -c:a mp2 -t 3 "
                 "-output_ts_offset 3",
                 scratch("b.ts"));
       write_file(p, read_file(scratch("a.ts")) + read_file(scratch("b.ts")));
     },
     {4}},
    {"silent.mp4", [](auto& p) { make_with(x264 + "-g 25 -an", p); }, {4}},
    {"chapters.mkv",
     [](auto& p) {
       write_file(scratch("chapters.txt"), ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=3\ntitle=One\n"
                                           "[CHAPTER]\nTIMEBASE=1/1\nSTART=3\nEND=8\ntitle=Two\n");
       make_with("-i " + scratch("chapters.txt") + " -map 0 -map 1 -map_metadata 2 " + x264 + "-g 25 -c:a aac", p);
     },
     {4}},
    {"subtitles.mkv",
     [](auto& p) {
       write_file(scratch("subtitles.srt"), "1\n00:00:01,000 --> 00:00:02,000\none\n\n2\n00:00:04,000 --> "
                                            "00:00:05,500\ntwo\n\n");
       make_with("-i " + scratch("subtitles.srt") + " -map 0 -map 1 -map 2 " + x264 + "-g 25 -c:a aac -c:s srt", p);
     },
     {4}},
    {"timecode.mp4", [](auto& p) { make_with(x264 + "-g 25 -c:a aac -timecode 01:00:00:00", p); }, {4}},
    {"empty-sound.mkv",
     [](auto& p) {
       make_with("-f lavfi -i sine=d=0.001 -map 0 -map 2 -map 1 " + x264 + "-g 25 -c:a aac -frames:a:0 0", p);
     },
     {4}},
  };
  return all;
}

std::vector<uint32_t> counts_of(const film& f) {
  if (!test::soaking())
    return f.counts;
  std::vector<uint32_t> all;
  for (uint32_t n = 1; n <= 40; ++n)
    all.push_back(n);
  return all;
}

media_profile small_profile() {
  auto p = *find_profile("web-720p");
  p.preset = "ultrafast";
  p.copy_fitting = false;
  // Where a chunk begins is a keyframe, and keyframes look better than what is predicted: equal pictures are to be
  // expected only where the whole has as many.
  p.keyframe_interval = 0.2;
  return p;
}

/// The film made whole, and what it is compared by.
struct whole_film {
  exec::request request;
  std::string source;
  seen_film seen;
  /// The same frames with next to no loss, and how near the whole comes to it.
  std::string best;
  double similarity = 0;
};

whole_film make_whole_film(const film& f) {
  whole_film w;
  w.source = scratch(f.name);
  f.make(w.source);
  w.request = chunk_request(w.source, small_profile());
  w.request.profile.max_frame_rate = f.max_frame_rate;
  const auto path = scratch("whole.mp4");
  make_whole(w.request, w.source, path);
  w.seen = look_at(path);
  auto lossless = w.request;
  lossless.profile.crf = 1;
  w.best = scratch("best.mp4");
  make_whole(lossless, w.source, w.best);
  w.similarity = ssim(path, w.best);
  return w;
}

void compare(const film& f, uint32_t count, const whole_film& whole) {
  auto made = make_chunked(whole.request, whole.source, count, scratch("chunked.mp4"));
  CAF_MESSAGE(f.name << " in " << made.pieces.size() << " of " << count);
  const auto& wanted = whole.seen;
  auto seen = look_at(made.path);
  CAF_CHECK(wanted.frames.size() > 50);
  CAF_CHECK(seen.frames == wanted.frames);
  // No film of these lasts longer.
  CAF_CHECK(wanted.frames.back() < 8'100'000);
  CAF_CHECK_EQUAL(made.joined.frames, static_cast<int64_t>(wanted.frames.size()));
  CAF_CHECK(seen.in_order);
  CAF_REQUIRE_EQUAL(seen.sound.size(), wanted.sound.size());
  int64_t offset = 0;
  for (size_t i = 0; i < wanted.sound.size(); ++i)
    offset = std::max<int64_t>(offset, std::llabs(seen.sound[i] - wanted.sound[i]));
  CAF_CHECK(offset < 100);
  CAF_CHECK_EQUAL(seen.sound_hash, wanted.sound_hash);
  auto difference = ssim(made.path, whole.best) - whole.similarity;
  CAF_CHECK(std::fabs(difference) < 0.002);
  auto request = whole.request;
  request.frames = made.joined.frames;
  request.film_seconds = made.joined.film_seconds;
  request.spans = made.joined.spans;
  request.copied = made.joined.copied;
  request.empty = made.joined.empty;
  // Comparing with the pieces finds what decoding all of it finds: nothing.
  for (auto& pieces : {std::vector<chunk_piece>{}, made.pieces}) {
    request.pieces = pieces;
    auto check = media::verify(open_source(made.path).get(), request, quiet_task());
    CAF_REQUIRE(check.has_value());
    for (auto& reason : check->reasons)
      CAF_MESSAGE(reason);
    CAF_CHECK(check->ok);
  }
  CAF_MESSAGE("audio offset " << offset << " us, ssim " << difference);
}

} // namespace

CAF_TEST(a film made in chunks is the film made whole) {
  auto* only = std::getenv("TROUPE_FILM");
  for (auto& f : films()) {
    if (only && std::string(only) != f.name)
      continue;
    auto whole = make_whole_film(f);
    for (auto count : counts_of(f))
      compare(f, count, whole);
  }
}

CAF_TEST(a film that does not tell when its pictures are shown is not cut) {
  const auto source = scratch("old.avi");
  make_with("-c:v mpeg4 -q:v 4 -bf 2 -g 20 -c:a libmp3lame", source);
  auto request = chunk_request(source, small_profile());
  request.wishes.count = 4;
  auto plan = media::plan_chunks(open_source(source).get(), request, quiet_task());
  CAF_REQUIRE(plan.has_value());
  CAF_CHECK(plan->chunks.empty());
  CAF_CHECK(plan->reason.find("does not tell when its pictures are shown") != std::string::npos);
}

CAF_TEST(Matroska that begins late) {
  struct source {
    const char* name;
    const char* arguments;
    /// Of each of the four pieces.
    int64_t frames;
  };
  const std::string coded = " -c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p -c:a aac ";
  for (auto& s : {source{"all", "-f lavfi -i testsrc=s=64x48:r=25:d=8 -f lavfi -i sine=d=8 -output_ts_offset 100", 50},
                  source{"sound", "-f lavfi -i testsrc=s=64x48:r=25:d=32 -itsoffset 30 -f lavfi -i sine=d=2", 200},
                  source{"picture", "-itsoffset 4 -f lavfi -i testsrc=s=64x48:r=25:d=8 -f lavfi -i sine=d=12", 0}}) {
    const auto path = scratch("begins-late.mkv");
    ffmpeg(s.arguments + coded + path);
    CAF_MESSAGE(s.name);
    auto request = chunk_request(path, small_profile());
    auto made = make_chunked(request, path, 4, scratch("begins-late.mp4"));
    if (s.frames > 0)
      CAF_CHECK_EQUAL(made.pieces.size(), 4u);
    for (auto& piece : made.pieces)
      CAF_CHECK(s.frames == 0 || piece.frames == s.frames);
    request.frames = made.joined.frames;
    request.film_seconds = made.joined.film_seconds;
    request.spans = made.joined.spans;
    auto check = media::verify(open_source(made.path).get(), request, quiet_task());
    CAF_REQUIRE(check.has_value());
    for (auto& reason : check->reasons)
      CAF_MESSAGE(reason);
    CAF_CHECK(check->ok);
    const auto whole = scratch("begins-late-whole.mp4");
    make_whole(request, path, whole);
    CAF_CHECK(look_at(made.path).frames == look_at(whole).frames);
  }
}

CAF_TEST(the first frame of a chunk is deinterlaced with the one before it) {
  const auto source = scratch("fields.mkv");
  ffmpeg("-f lavfi -i testsrc2=s=320x180:r=50:d=4 -vf tinterlace=interleave_top,setfield=tff -flags +ildct+ilme "
         "-c:v mpeg2video -q:v 2 -bf 2 -g 10 "
         + source);
  auto request = chunk_request(source, small_profile());
  request.profile.crf = 1;
  const auto whole = scratch("fields-whole.mp4");
  make_whole(request, source, whole);
  auto made = make_chunked(request, source, 8, scratch("fields-chunked.mp4"));
  CAF_CHECK_EQUAL(made.pieces.size(), 8u);
  CAF_CHECK(worst_ssim(made.path, whole) > 0.995);
}

CAF_TEST(decoding begins before a chunk only where that matters) {
  auto begins_early = [](const std::string& name, const std::string& arguments, double max_frame_rate = 0) {
    const auto source = scratch(name);
    make_with(x264 + arguments, source);
    auto request = chunk_request(source, small_profile());
    request.profile.max_frame_rate = max_frame_rate;
    request.wishes.count = 4;
    request.wishes.min_seconds = 0.5;
    auto plan = media::plan_chunks(open_source(source).get(), request, quiet_task());
    CAF_REQUIRE(plan.has_value());
    CAF_REQUIRE_EQUAL(plan->chunks.size(), 4u);
    size_t early = 0;
    for (size_t i = 1; i < plan->chunks.size(); ++i) {
      auto& c = plan->chunks[i];
      const auto shift = c.shifts[0].microseconds * c.time_base.den / c.time_base.num / 1'000'000;
      CAF_CHECK(c.from_time + shift <= c.begin);
      early += c.from_time + shift < c.begin;
    }
    return early;
  };
  CAF_CHECK_EQUAL(begins_early("closed.mp4", "-x264-params keyint=20:scenecut=0"), 0u);
  CAF_CHECK_EQUAL(begins_early("closed.mkv", "-x264-params keyint=20:scenecut=0"), 0u);
  CAF_CHECK_EQUAL(begins_early("open.mp4", "-x264-params open-gop=1:keyint=20:scenecut=0"), 3u);
  CAF_CHECK_EQUAL(begins_early("fewer-frames.mp4", "-x264-params keyint=20:scenecut=0", 10), 3u);
  CAF_CHECK_EQUAL(begins_early("fields.mp4", "-flags +ildct -x264-params tff=1:keyint=20:scenecut=0"), 3u);
}

#define CAF_SUITE media.stream_fit

// What the built-in profiles copy.

#include "media/probe.hpp"
#include "media/transcode.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/media/samples.hpp"

#include <caf/make_message.hpp>

using namespace troupe;
using namespace media_test;

namespace {

using streams = std::vector<uint32_t>;

/// The streams of the source that are taken as they are; made of `path` with the built-in profile.
streams copied(const std::string& path, const char* name, bool copy_fitting = true) {
  exec::request r;
  r.profile = *find_profile(name);
  if (!copy_fitting)
    r.profile.copy_fitting = false;
  if (r.profile.video_codec == "h264")
    r.profile.preset = "ultrafast";
  r.name_hint = extension(path);
  auto source = open_source(path);
  r.source = *media::probe(source.get(), r.name_hint, quiet_task());
  auto answer =
    media::transcode(source.get(), open_output(scratch("fit." + r.profile.extension)).get(), r, quiet_task());
  if (!answer)
    CAF_FAIL(name << ": " << answer.error().message);
  return answer->copied;
}

std::string film(const std::string& name, const std::string& arguments) {
  auto path = scratch(name);
  ffmpeg("-f lavfi -i testsrc2=s=640x360:r=25:d=1 -f lavfi -i sine=d=1 -pix_fmt yuv420p -c:v libx264 "
         "-preset ultrafast "
         + arguments + " " + path);
  return path;
}

} // namespace

CAF_TEST(web profiles copy what fits and no more) {
  auto small = film("small.mp4", "-crf 30 -c:a aac -b:a 96k");
  CAF_CHECK((copied(small, "web-480p") == streams{0, 1}));
  CAF_CHECK((copied(small, "web-1080p") == streams{0, 1}));
  CAF_CHECK((copied(small, "audio-only") == streams{0}));
  CAF_CHECK(copied(small, "web-480p", false).empty());
  CAF_CHECK(copied(small, "audio-only", false).empty());
  // Other codecs than theirs.
  CAF_CHECK(copied(small, "hevc") == streams{1});
}

CAF_TEST(a picture of far more bits than it needs is encoded although all else fits) {
  auto large = film("large.mp4", "-b:v 8M -minrate 8M -maxrate 8M -bufsize 1M -nal-hrd cbr -c:a aac -b:a 96k");
  CAF_CHECK(copied(large, "web-480p") == streams{1});
  CAF_CHECK(copied(large, "web-720p") == streams{1});
  CAF_CHECK((copied(large, "web-1080p") == streams{0, 1}));
}

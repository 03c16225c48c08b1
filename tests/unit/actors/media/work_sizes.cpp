#define CAF_SUITE media.work_sizes

#include "actors/media/work_sizes.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <cmath>

using namespace troupe;
using namespace troupe::work;

namespace {

const picture_facts film{100, 1000, 500, "h264"};

bool about(double a, double b) {
  return std::abs(a - b) < 1e-9;
}

media_profile encoding(const std::string& codec) {
  media_profile out;
  out.video_codec = codec;
  out.copy_fitting = true;
  return out;
}

media_info sounding(std::vector<std::string> codecs) {
  media_info out;
  out.duration = 90;
  for (auto& codec : codecs) {
    media_stream s;
    s.kind = "audio";
    s.codec = codec;
    out.streams.push_back(s);
  }
  return out;
}

} // namespace

CAF_TEST(what is encoded counts by its length and size) {
  CAF_CHECK(about(work_of_pictures(encoding("hevc"), film), 50));
  auto all = encoding("h264");
  all.copy_fitting = false;
  CAF_CHECK(about(work_of_pictures(all, film), 50));
  auto smaller = encoding("h264");
  smaller.max_height = 360;
  CAF_CHECK(about(work_of_pictures(smaller, film), 50));
}

CAF_TEST(what may be copied says nothing of a node) {
  auto same = encoding("h264");
  CAF_CHECK(about(work_of_pictures(same, film), 0));
  same.max_height = 500;
  CAF_CHECK(about(work_of_pictures(same, film), 0));
  CAF_CHECK(about(work_of_pictures(encoding("copy"), film), 0));
  CAF_CHECK(about(work_of_pictures(encoding("none"), film), 0));
}

CAF_TEST(a ladder is as much work as its variants) {
  auto ladder = encoding("h264");
  ladder.copy_fitting = false;
  // A quarter of the film, all of it, and one that is left out.
  ladder.ladder = {{0, 250, 0}, {1000, 500, 0}, {2000, 1000, 0}};
  CAF_CHECK(about(work_of_pictures(ladder, film), 100 * (0.5 + 0.125 + 0.5)));
}

CAF_TEST(what is not known of a film is no work) {
  const std::vector<picture_facts> odd{{0, 10, 10, "h264"}, {-1, 10, 10, "h264"}, {NAN, 10, 10, "h264"},
                                       {9, 0, 10, "h264"},  {9, 10, 0, "h264"},   {9, 10, 10, ""}};
  for (auto& x : odd)
    CAF_CHECK(about(work_of_pictures(encoding("hevc"), x), 0));
}

CAF_TEST(sound counts by its length where all of it is encoded) {
  auto profile = encoding("h264");
  profile.audio_codec = "aac";
  CAF_CHECK(about(work_of_sound(profile, sounding({"ac3"})), 90));
  CAF_CHECK(about(work_of_sound(profile, sounding({"ac3", "aac"})), 0));
  CAF_CHECK(about(work_of_sound(profile, sounding({})), 0));
  profile.copy_fitting = false;
  CAF_CHECK(about(work_of_sound(profile, sounding({"aac"})), 90));
  profile.audio_codec = "none";
  CAF_CHECK(about(work_of_sound(profile, sounding({"aac"})), 0));
}

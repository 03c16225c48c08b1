#define CAF_SUITE media.thumbnail

#include "media/thumbnail.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/media/samples.hpp"

#include <caf/make_message.hpp>

#include <cmath>

using namespace troupe;
using namespace media_test;

namespace {

result<exec::thumbnail_answer> make(const std::string& path, const std::vector<uint32_t>& widths) {
  auto source = open_source(path);
  std::vector<media::owned_fd> files;
  std::vector<int> outputs;
  for (size_t i = 0; i < widths.size(); ++i) {
    files.push_back(open_output(scratch("thumb" + std::to_string(i) + ".jpg")));
    outputs.push_back(files.back().get());
  }
  return media::thumbnail(source.get(), extension(path), widths, outputs, quiet_task());
}

/// The picture as ffprobe sees it must be the picture that was announced.
void check_jpeg(size_t index, const exec::thumbnail_answer::picture& said) {
  auto stream = ffprobe(scratch("thumb" + std::to_string(index) + ".jpg"))["streams"][0];
  CAF_CHECK_EQUAL(stream["codec_name"].get<std::string>(), "mjpeg");
  CAF_CHECK_EQUAL(stream["width"].get<uint32_t>(), said.width);
  CAF_CHECK_EQUAL(stream["height"].get<uint32_t>(), said.height);
}

/// Mean of one plane of the first thumbnail: 0 Y, 1 U, 2 V.
double mean(char plane) {
  auto text = output_of("ffmpeg -v error -i " + scratch("thumb0.jpg")
                        + " -vf signalstats,metadata=print:file=- -f null - | grep " + plane + "AVG | cut -d= -f2");
  return std::stod(text);
}

} // namespace

CAF_TEST(every real file gets a picture) {
  for (auto& path : real_files()) {
    if (extension(path) == "ts")
      continue;
    auto answer = make(path, {320, 4096});
    if (!answer)
      CAF_FAIL(path << ": " << answer.error().message);
    for (size_t i = 0; i < 2; ++i)
      check_jpeg(i, answer->pictures[i]);
  }
}

CAF_TEST(never larger than the film and several widths) {
  auto answer = make(ordinary(), {64, 160, 4000});
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->pictures[0].width, 64u);
  CAF_CHECK_EQUAL(answer->pictures[0].height, 48u);
  CAF_CHECK_EQUAL(answer->pictures[1].width, 160u);
  CAF_CHECK_EQUAL(answer->pictures[2].width, 320u);
  for (size_t i = 0; i < 3; ++i)
    check_jpeg(i, answer->pictures[i]);
}

CAF_TEST(black and flat beginnings are passed over) {
  auto path = scratch("black.mp4");
  ffmpeg("-f lavfi -i color=black:s=320x240:r=10:d=14 -f lavfi -i testsrc=s=320x240:r=10:d=46 "
         "-filter_complex '[0][1]concat' -g 10 -c:v libx264 -pix_fmt yuv420p "
         + path);
  auto answer = make(path, {320});
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK(answer->position >= 14);
  CAF_CHECK(mean('Y') > 40);
}

CAF_TEST(turned and anamorphic films are shown as a player does) {
  auto turned = scratch("turned.mov");
  // Red on top; turned by 90 degrees clockwise it is at the right.
  ffmpeg("-f lavfi -i color=red:s=320x120:d=1 -f lavfi -i color=blue:s=320x120:d=1 -filter_complex vstack "
         "-c:v libx264 -pix_fmt yuv420p "
         + scratch("upright.mp4"));
  write_turned(scratch("upright.mp4"), turned, 90);
  auto answer = make(turned, {240});
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->pictures[0].width, 240u);
  CAF_CHECK_EQUAL(answer->pictures[0].height, 320u);
  ffmpeg("-i " + scratch("thumb0.jpg") + " -vf crop=100:300:130:10 " + scratch("right.png"));
  auto red = output_of("ffmpeg -v error -i " + scratch("right.png")
                       + " -vf format=yuv444p,signalstats,metadata=print:file=- -f null - | grep VAVG | cut -d= -f2");
  CAF_CHECK(std::stod(red) > 200);
  auto wide = scratch("wide.mp4");
  ffmpeg("-f lavfi -i testsrc=s=320x240:d=1 -vf setsar=2/1 -c:v libx264 -pix_fmt yuv420p " + wide);
  answer = make(wide, {4096});
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->pictures[0].width, 640u);
  CAF_CHECK_EQUAL(answer->pictures[0].height, 240u);
}

CAF_TEST(sound gives its cover or a waveform) {
  auto cover = scratch("cover.mp3");
  ffmpeg("-f lavfi -i color=green:s=100x100:d=1 -frames:v 1 " + scratch("cover.png"));
  ffmpeg("-f lavfi -i sine=d=2 -i " + scratch("cover.png")
         + " -map 0 -map 1 -c:v copy -disposition:v attached_pic -c:a libmp3lame " + cover);
  auto answer = make(cover, {320});
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->position, -1);
  CAF_CHECK_EQUAL(answer->pictures[0].width, 100u);
  for (auto* length : {"0.03", "3"}) {
    auto plain = scratch("plain.wav");
    ffmpeg(std::string("-f lavfi -i sine=d=") + length + " " + plain);
    answer = make(plain, {320});
    CAF_REQUIRE(answer.has_value());
    CAF_CHECK_EQUAL(answer->pictures[0].width, 320u);
  }
  CAF_CHECK(mean('Y') > 8);
}

CAF_TEST(wrong widths and undecodable films) {
  for (uint32_t w : {0u, 15u, 4097u, 4000000000u}) {
    auto answer = make(ordinary(), {w});
    CAF_REQUIRE(!answer);
    CAF_CHECK(answer.error().code == errc::validation);
  }
  CAF_CHECK(make(ordinary(), {}).error().code == errc::validation);
  // An index that is right over data that is gone.
  auto content = read_file(ordinary());
  auto data = content.find("mdat");
  auto index = content.find("moov");
  std::fill(content.begin() + static_cast<long>(data) + 4, content.begin() + static_cast<long>(index) - 4, '\0');
  write_file(scratch("hollow.mp4"), content);
  auto answer = make(scratch("hollow.mp4"), {320});
  CAF_REQUIRE(!answer);
  CAF_CHECK(answer.error().code == errc::bad_media);
}

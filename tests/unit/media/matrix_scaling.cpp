#define CAF_SUITE media.matrix.scaling

// Pictures made smaller, by either of the two scalers.

#include "tests/support/unit_test.hpp"
#include "tests/unit/media/chunked.hpp"
#include "tests/unit/media/lab.hpp"

using namespace troupe;
using namespace media_test;

CAF_TEST(scaled pictures are what libswscale makes of them) {
  struct source {
    const char* format;
    int width, height;
    const char* more;
  };
  // Smaller and in another shape, by either scaler: zimg takes neither odd sizes nor fewer bits.
  for (auto& s :
       {source{"yuv420p", 640, 360, ""}, source{"yuv422p", 640, 360, ""}, source{"yuv444p", 640, 360, ""},
        source{"yuv420p10le", 640, 360, ""}, source{"yuv422p10le", 640, 360, ""}, source{"yuv444p10le", 640, 360, ""},
        source{"yuv420p", 641, 361, ""}, source{"yuv420p", 642, 361, ""}, source{"gbrp", 640, 360, ""},
        source{"yuv420p", 640, 360, ",setsar=4/3"}, source{"yuv420p", 640, 360, ",scale=out_range=pc -color_range pc"}})
    for (auto* name : {"web-720p", "hevc"}) {
      CAF_MESSAGE(name << " of " << s.format << " " << s.width << "x" << s.height << s.more);
      auto path = scratch("scaled.mkv");
      ffmpeg("-f lavfi -i testsrc2=s=" + std::to_string(s.width) + "x" + std::to_string(s.height)
             + ":d=0.4 -vf format=" + s.format + s.more + " -c:v ffv1 " + path);
      auto profile = encoding(name);
      profile.max_width = profile.max_height = 426;
      profile.crf = 4;
      profile.preset = "ultrafast";
      auto o = run(path, profile);
      CAF_CHECK_EQUAL(o.text(), "ok");
      if (!o.answer)
        continue;
      auto video = streams(o, "video").at(0);
      auto reference = scratch("scaled-reference.mkv");
      ffmpeg("-i " + path + " -vf scale=" + std::to_string(video["width"].get<int>()) + ":"
             + std::to_string(video["height"].get<int>()) + ":flags=bicubic:out_range=limited,setsar=1,format="
             + video["pix_fmt"].get<std::string>() + " -c:v ffv1 " + reference);
      const auto alike = ssim(scratch("out." + profile.extension), reference);
      CAF_MESSAGE(alike);
      // Where libswscale makes 4:2:0 of 4:4:4, its colours lie a little to the right.
      CAF_CHECK(alike > 0.99);
    }
}

CAF_TEST(scaled pictures of extreme shape) {
  for (auto* size : {"4000x4", "4x4000", "4000x2", "2x4000"}) {
    auto path = scratch("extreme.mkv");
    ffmpeg(std::string("-f lavfi -i color=red:d=0.2:s=") + size + " -c:v ffv1 " + path);
    auto o = run(path, encoding("web-480p"));
    CAF_MESSAGE(size);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (o.answer)
      CAF_CHECK(distance(shown(scratch("out.mp4")).at(0.5, 0.5), {255, 0, 0}) <= 24);
  }
}

CAF_TEST(pictures too narrow for an encoder) {
  // libx265 wrote into memory that was not its own.
  for (auto* size : {"40x64", "48x48", "34x200", "32x64", "62x64"})
    for (auto* name : {"hevc", "av1", "webm", "web-720p"}) {
      auto path = scratch("narrow.mkv");
      ffmpeg(std::string("-f lavfi -i testsrc2=d=1:s=") + size + " -c:v ffv1 " + path);
      auto o = run(path, encoding(name));
      CAF_MESSAGE(name << " " << size << ": " << o.text());
      CAF_CHECK(o.text() == "ok" || (!o.answer && o.answer.error().code == errc::unprocessable));
      CAF_CHECK(o.answer || name == std::string("av1"));
    }
}

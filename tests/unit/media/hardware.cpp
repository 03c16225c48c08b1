#define CAF_SUITE media.hardware

// Graphics cards that fail, on machines that have none: the encoder is taken for one that works, and does not open.

#include "media/chunk_plan.hpp"
#include "media/encoder_options.hpp"
#include "media/hardware_encoders.hpp"
#include "media/hls.hpp"
#include "media/operations.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/media/lab.hpp"

extern "C" {
#include <libavutil/opt.h>
}

#include <algorithm>

using namespace troupe;
using namespace media_test;

namespace {

media_profile on_a_card(const char* name) {
  auto p = encoding(name);
  p.hardware = true;
  return p;
}

std::string small_film() {
  auto path = scratch("small.mp4");
  ffmpeg("-f lavfi -i testsrc=s=320x180:r=25:d=2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p " + path);
  return path;
}

} // namespace

CAF_TEST(without a card it is encoded in software and told) {
  auto o = run(small_film(), on_a_card("web-720p"));
  CAF_CHECK_EQUAL(o.text(), "ok");
  CAF_CHECK(warned(o, "no hardware encoder for h264 works on this machine: it is encoded in software"));
  CAF_CHECK(o.answer->operation.find("-c:0 libx264") != std::string::npos);
}

CAF_TEST(a card that fails in a job costs a warning and not the job) {
  const auto path = small_film();
  media::offer_hardware_encoder("h264_nvenc");
  auto o = run(path, on_a_card("web-720p"));
  CAF_CHECK_EQUAL(o.text(), "ok");
  CAF_CHECK(warned(o, "the hardware encoder h264_nvenc failed: "));
  CAF_CHECK(o.answer->operation.find("-c:0 libx264") != std::string::npos);
  CAF_CHECK_EQUAL(streams(o, "video").at(0)["codec_name"], "h264");
  // It is not tried again.
  CAF_CHECK_EQUAL(media::hardware_encoder_for("h264"), "");
  CAF_CHECK(!warned(run(path, on_a_card("web-720p")), "h264_nvenc"));
}

CAF_TEST(ten bits go to a card that takes them) {
  media::offer_hardware_encoder("hevc_vaapi");
  auto p = on_a_card("hevc");
  CAF_REQUIRE(p.bit_depth > 8);
  auto o = run(small_film(), p);
  CAF_CHECK_EQUAL(o.text(), "ok");
  CAF_CHECK(warned(o, "no hardware encoder for hevc in 10 bits works on this machine"));
  media::withdraw_hardware_encoder("hevc_vaapi", "the test is over");
  CAF_CHECK_EQUAL(media::withdrawn_hardware_encoder().value_or(""), "hevc_vaapi failed: the test is over");
  CAF_CHECK(!media::withdrawn_hardware_encoder());
}

CAF_TEST(a film for a card is not cut and pieces are never made by one) {
  media::offer_hardware_encoder("h264_nvenc");
  const auto path = small_film();
  exec::request request;
  request.op = exec::op::plan_chunks;
  request.name_hint = "mp4";
  request.profile = on_a_card("web-720p");
  request.wishes.count = 2;
  request.wishes.min_seconds = 0.1;
  auto source = open_source(path);
  auto plan = media::plan_chunks(source.get(), request, quiet_task());
  CAF_REQUIRE(plan.has_value());
  CAF_CHECK(plan->chunks.empty());
  CAF_CHECK_EQUAL(plan->reason, "the graphics card makes it in one piece");
  request.profile.hardware = false;
  plan = media::plan_chunks(source.get(), request, quiet_task());
  CAF_REQUIRE(plan && !plan->chunks.empty());
  request.op = exec::op::encode_chunk;
  request.profile.hardware = true;
  request.chunk = plan->chunks[0];
  std::vector<media::owned_fd> files;
  files.push_back(open_source(path));
  files.push_back(open_output(scratch("piece.mp4")));
  auto body = media::run_operation(request, files, quiet_task());
  CAF_REQUIRE(body.has_value());
  CAF_CHECK(exec::decode_encode_chunk_answer(*body)->operation.find("libx264") != std::string::npos);
  media::withdraw_hardware_encoder("h264_nvenc", "the test is over");
  media::withdrawn_hardware_encoder();
}

CAF_TEST(a card that fails in a ladder costs a warning) {
  const auto path = small_film();
  media::offer_hardware_encoder("h264_nvenc");
  exec::request request;
  request.op = exec::op::hls;
  request.name_hint = "mp4";
  request.profile = on_a_card("hls");
  request.profile.ladder = {{320, 180, 400'000}, {160, 90, 100'000}};
  auto task = quiet_task();
  task.create = [](const std::string& name) -> result<media::owned_fd> { return open_output(scratch("card-" + name)); };
  auto answer = media::hls(open_source(path).get(), request, task);
  if (!answer)
    CAF_FAIL(answer.error().message);
  CAF_CHECK_EQUAL(answer->variants.size(), 2u);
  auto told = [&](const char* text) {
    return std::count_if(answer->warnings.begin(), answer->warnings.end(),
                         [&](auto& line) { return line.find(text) != std::string::npos; });
  };
  CAF_CHECK_EQUAL(told("the hardware encoder h264_nvenc failed: "), 1);
  CAF_CHECK_EQUAL(told("encoded in software"), 1);
  for (auto* name : {"card-v0.mp4", "card-v1.mp4"})
    CAF_CHECK_EQUAL(times(scratch(name)).size(), 50u);
}

CAF_TEST(an operation is not told of what failed before it) {
  media::withdraw_hardware_encoder("h264_qsv", "in another one");
  exec::request request;
  request.op = exec::op::probe;
  request.name_hint = "mp4";
  std::vector<media::owned_fd> files;
  files.push_back(open_source(small_film()));
  CAF_CHECK(media::run_operation(request, files, quiet_task()).has_value());
  CAF_CHECK(!media::withdrawn_hardware_encoder());
}

CAF_TEST(keyframes that are asked for are places to begin at) {
  media::video_settings settings;
  settings.keyframe_interval = 2;
  settings.frame_rate = {25, 1};
  for (auto [encoder, option] : {std::pair{"h264_nvenc", "forced-idr"}, {"libx264", "forced-idr"},
                                 {"h264_qsv", "forced_idr"}, {"hevc_qsv", "forced_idr"}}) {
    settings.encoder = encoder;
    auto options = media::video_options(settings, 320);
    CAF_CHECK(std::find(options.begin(), options.end(), std::pair<std::string, std::string>(option, "1"))
              != options.end());
    // libavcodec has it by that name, and would pass over any other.
    auto* codec = avcodec_find_encoder_by_name(encoder);
    if (codec && codec->priv_class)
      CAF_CHECK(av_opt_find(const_cast<AVClass**>(&codec->priv_class), option, nullptr, 0, AV_OPT_SEARCH_FAKE_OBJ));
  }
}

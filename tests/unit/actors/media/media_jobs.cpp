#define CAF_SUITE media.jobs

#include "actors/media/media_jobs.hpp"
#include "actors/media/payloads.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

using namespace troupe;
using namespace troupe::work;

namespace {

const std::string film = video_id{{1, 1}}.str();

job_spec asked(std::string kind, std::string profile) {
  job_spec out;
  out.kind = std::move(kind);
  out.payload = "{\"videoId\":\"" + film + "\",\"profile\":" + std::move(profile) + "}";
  return out;
}

std::string refused(job_spec spec, const media_policy& policy = {}) {
  auto admitted = admit_media_job(policy, spec);
  if (admitted)
    return "nothing";
  CAF_CHECK(admitted.error().code == errc::validation);
  std::string out;
  for (auto& [field, reason] : admitted.error().fields)
    out += (out.empty() ? "" : ",") + field;
  return out;
}

} // namespace

CAF_TEST(a profile that is named is written into the job as it is configured now) {
  media_policy policy;
  policy.profiles[1].crf = 19;
  auto spec = asked("transcode", R"("web-720p")");
  CAF_REQUIRE(admit_media_job(policy, spec).has_value());
  auto kept = decode_transcode_payload(spec.payload);
  CAF_REQUIRE(kept.has_value());
  CAF_CHECK(kept->profile == policy.profiles[1]);
  // As it is kept it may be submitted again.
  auto again = spec;
  CAF_REQUIRE(admit_media_job(policy, again).has_value());
  CAF_CHECK_EQUAL(again.payload, spec.payload);
  spec = asked("transcode", R"({"base":"web-720p","maxHeight":480})");
  CAF_REQUIRE(admit_media_job(policy, spec).has_value());
  CAF_CHECK_EQUAL(decode_transcode_payload(spec.payload)->profile.crf, 19u);
  CAF_CHECK_EQUAL(decode_transcode_payload(spec.payload)->profile.name, "custom");
}

CAF_TEST(no word of a stranger reaches libav) {
  CAF_CHECK_EQUAL(refused(asked("transcode", R"({"container":"tee","extension":"sh"})")), "payload.profile.container");
  CAF_CHECK_EQUAL(refused(asked("transcode", R"({"container":"mp4","extension":"sh"})")), "payload.profile.extension");
  CAF_CHECK_EQUAL(refused(asked("transcode", R"({"container":"mp4","videoCodec":"libx264","preset":"-f image2"})")),
                  "payload.profile.videoCodec");
  CAF_CHECK_EQUAL(refused(asked("transcode", R"({"base":"web-720p","crf":99,"maxWidth":1})")),
                  "payload.profile.maxWidth,payload.profile.crf");
  CAF_CHECK_EQUAL(refused(asked("transcode", R"("nope")")), "payload.profile");
  CAF_CHECK_EQUAL(refused(asked("transcode", "7")), "payload.profile");
  CAF_CHECK_EQUAL(refused(asked("transcode", R"("hls")")), "payload.profile");
  auto twin = asked("transcode", R"({"base":"web-720p","crf":20,"name":"web-720p"})");
  CAF_CHECK_EQUAL(refused(twin), "payload.profile.name");
  job_spec empty;
  empty.kind = "transcode";
  CAF_CHECK_EQUAL(refused(empty), "payload.videoId,payload.profile");
  empty.payload = "[]";
  CAF_CHECK_EQUAL(refused(empty), "payload.videoId,payload.profile");
  job_spec other;
  other.kind = "noop";
  other.payload = "{\"profile\":7}";
  CAF_CHECK_EQUAL(refused(other), "nothing");
}

CAF_TEST(a storyboard takes what is not said from the configuration and is one while it is not done) {
  media_policy policy;
  policy.storyboards.width = 200;
  policy.storyboards.interval = milliseconds{5'000};
  job_spec spec;
  spec.kind = "storyboard";
  spec.payload = "{\"videoId\":\"" + film + "\"}";
  CAF_REQUIRE(admit_media_job(policy, spec).has_value());
  auto kept = decode_storyboard_payload(spec.payload);
  CAF_REQUIRE(kept.has_value());
  CAF_CHECK_EQUAL(kept->width, 200u);
  CAF_CHECK_EQUAL(kept->interval.count(), 5'000);
  CAF_CHECK_EQUAL(spec.unique_key, "storyboard:" + film + ":200:10:10:5000");
  // The same wish in other words is the same, another one is not.
  struct row {
    std::string words;
    bool same;
  };
  for (auto& [words, same] :
       {row{R"("width":200,"bif":false)", true}, row{R"("width":201)", false}, row{R"("interval":6)", false},
        row{R"("columns":9)", false}, row{R"("rows":9)", false}, row{R"("bif":true)", false},
        row{R"("jellyfin":true)", false}, row{R"("version":"1-2-3")", false}}) {
    job_spec other;
    other.kind = "storyboard";
    other.payload = "{\"videoId\":\"" + film + "\"," + words + "}";
    CAF_REQUIRE(admit_media_job(policy, other).has_value());
    CAF_CHECK_EQUAL(other.unique_key == spec.unique_key, same);
    auto whole = decode_storyboard_payload(other.payload);
    CAF_REQUIRE(whole.has_value());
    CAF_CHECK_EQUAL(*whole == *kept, same);
  }
  spec = asked("hls", R"("hls")");
  CAF_REQUIRE(admit_media_job(policy, spec).has_value());
  CAF_CHECK_EQUAL(spec.unique_key, "hls:" + film + ":hls");
  CAF_CHECK(decode_hls_payload(spec.payload)->profile == *find_profile("hls"));
  // Two that differ are two.
  spec = asked("hls", R"({"base":"hls","crf":20})");
  CAF_REQUIRE(admit_media_job(policy, spec).has_value());
  CAF_CHECK_EQUAL(spec.unique_key, "");
  CAF_CHECK_EQUAL(refused(asked("hls", R"("web-720p")")), "payload.profile");
  CAF_CHECK_EQUAL(refused(asked("storyboard", R"("x","width":9,"interval":"often")")),
                  "payload.interval,payload.width");
}

CAF_TEST(films get a storyboard after their ingest where the configuration says so) {
  media_policy policy;
  video item;
  item.id = {{1, 1}};
  item.version = {7, 8, 9};
  item.video_codec = "h264";
  item.duration = 60;
  CAF_CHECK(!storyboard_after_ingest(policy, item));
  policy.storyboards.after_ingest = true;
  auto spec = storyboard_after_ingest(policy, item);
  CAF_REQUIRE(spec.has_value());
  CAF_CHECK_EQUAL(spec->kind, "storyboard");
  // Another content is another job.
  CAF_CHECK_EQUAL(spec->unique_key, "storyboard:" + film + ":7-8-9:320:10:10:10000");
  auto again = *spec;
  CAF_REQUIRE(admit_media_job(policy, again).has_value());
  CAF_CHECK(again == *spec);
  item.duration = 0;
  CAF_CHECK(!storyboard_after_ingest(policy, item));
  item.duration = 60;
  item.video_codec.clear();
  CAF_CHECK(!storyboard_after_ingest(policy, item));
}

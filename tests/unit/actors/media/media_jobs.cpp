#define CAF_SUITE media.jobs

#include "actors/media/media_jobs.hpp"
#include "actors/media/payloads.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <map>

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

job_spec storyboard(std::string_view words) {
  job_spec out;
  out.kind = "storyboard";
  out.payload = "{\"videoId\":\"" + film + "\"" + (words.empty() ? "" : ",") + std::string{words} + "}";
  return out;
}

storyboard_payload wished(const job_spec& spec) {
  auto x = decode_storyboard_payload(spec.payload);
  CAF_REQUIRE(x.has_value());
  return *x;
}

/// What the queue holds, by unique key.
class open_jobs {
public:
  find_open_job open() const {
    return [this](const std::string& key) -> std::optional<open_job> {
      auto i = jobs_.find(key);
      return i == jobs_.end() ? std::nullopt : std::optional{i->second};
    };
  }
  job_spec submit(std::string_view words) {
    auto spec = storyboard(words);
    CAF_REQUIRE(admit_media_job({}, spec, open()).has_value());
    CAF_CHECK(!jobs_.contains(spec.unique_key));
    jobs_[spec.unique_key] = {job_id{{1, ++last_}}, spec.payload};
    return spec;
  }
  std::string key_of(std::string_view words) const {
    auto spec = storyboard(words);
    CAF_REQUIRE(admit_media_job({}, spec, open()).has_value());
    return spec.unique_key;
  }
  void end(const job_spec& spec) {
    jobs_.erase(spec.unique_key);
  }

private:
  std::map<std::string, open_job> jobs_;
  uint64_t last_ = 0;
};

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

CAF_TEST(a storyboard takes what is not said from the configuration) {
  media_policy policy;
  policy.storyboards.width = 200;
  policy.storyboards.interval = milliseconds{5'000};
  auto spec = storyboard("");
  CAF_REQUIRE(admit_media_job(policy, spec).has_value());
  auto kept = decode_storyboard_payload(spec.payload);
  CAF_REQUIRE(kept.has_value());
  CAF_CHECK_EQUAL(kept->width, 200u);
  CAF_CHECK_EQUAL(kept->interval.count(), 5'000);
  CAF_CHECK_EQUAL(spec.unique_key, "storyboard:" + film);
  CAF_CHECK_EQUAL(refused(storyboard(R"("x":1,"width":9,"interval":"often")")), "payload.x");
  CAF_CHECK_EQUAL(refused(storyboard(R"("width":9,"interval":"often")")), "payload.interval,payload.width");
  // A sheet that no executor would make is refused before it is a job.
  CAF_CHECK_EQUAL(refused(storyboard(R"("width":1024,"columns":16)")), "nothing");
  CAF_CHECK_EQUAL(refused(storyboard(R"("width":1024,"columns":17)")), "payload.columns");
}

CAF_TEST(what is not said of a storyboard is as it was) {
  auto spec = storyboard(R"("bif":true,"otherwise":{"width":640,"interval":2.5,"jellyfin":true,"bif":false})");
  CAF_REQUIRE(admit_media_job({}, spec).has_value());
  auto kept = decode_storyboard_payload(spec.payload);
  CAF_REQUIRE(kept.has_value());
  CAF_CHECK_EQUAL(kept->width, 640u);
  CAF_CHECK_EQUAL(kept->interval.count(), 2'500);
  CAF_CHECK(kept->bif && kept->jellyfin);
  CAF_CHECK(spec.payload.find("otherwise") == std::string::npos);
  spec = storyboard(R"("width":320,"otherwise":{"width":640})");
  CAF_REQUIRE(admit_media_job({}, spec).has_value());
  CAF_CHECK_EQUAL(decode_storyboard_payload(spec.payload)->width, 320u);
  CAF_CHECK_EQUAL(refused(storyboard(R"("otherwise":{"width":1})")), "payload.otherwise.width");
  CAF_CHECK_EQUAL(refused(storyboard(R"("otherwise":7)")), "payload.otherwise");
}

CAF_TEST(a storyboard has all that those before it which are not done were asked to have) {
  open_jobs queue;
  auto first = queue.submit(R"("width":640)");
  // The same wish in other words, and one that asks for less.
  for (auto words : {R"("width":640,"bif":false)", R"("columns":10)", R"("interval":10,"otherwise":{"width":200})"})
    CAF_CHECK_EQUAL(queue.key_of(words), first.unique_key);
  auto second = queue.submit(R"("bif":true)");
  CAF_CHECK(second.unique_key != first.unique_key);
  CAF_CHECK(wished(second) == (storyboard_payload{{{1, 1}}, {}, 640, 10, 10, milliseconds{10'000}, true, false}));
  // The first one is done, the second one is not: its place is free, its wishes are kept by the second.
  queue.end(first);
  auto third = queue.submit(R"("jellyfin":true,"bif":false,"width":200)");
  CAF_CHECK_EQUAL(third.unique_key, first.unique_key);
  CAF_CHECK(wished(third) == (storyboard_payload{{{1, 1}}, {}, 200, 10, 10, milliseconds{10'000}, true, true}));
  // Of another content it is another storyboard.
  CAF_CHECK(!wished(queue.submit(R"("version":"1-2-3")")).bif);
  queue.submit(R"("rows":9)");
  auto last = queue.submit(R"("rows":8)");
  CAF_CHECK_EQUAL(queue.key_of(""), last.unique_key);
  auto more = storyboard(R"("rows":7)");
  auto full = admit_media_job({}, more, queue.open());
  CAF_REQUIRE(!full);
  CAF_CHECK(full.error().code == errc::conflict);
  // Who brings a key of his own knows what he does.
  more = storyboard(R"("rows":7)");
  more.unique_key = "mine";
  CAF_CHECK(admit_media_job({}, more, queue.open()).has_value());
  CAF_CHECK_EQUAL(more.unique_key, "mine");
  CAF_CHECK(!wished(more).bif);
}

CAF_TEST(a ladder is one while it is not done) {
  media_policy policy;
  auto spec = asked("hls", R"("hls")");
  CAF_REQUIRE(admit_media_job(policy, spec).has_value());
  CAF_CHECK(spec.unique_key.starts_with("hls:" + film + ":hls:"));
  CAF_CHECK(decode_hls_payload(spec.payload)->profile == *find_profile("hls"));
  auto again = asked("hls", R"("hls")");
  CAF_REQUIRE(admit_media_job(policy, again).has_value());
  CAF_CHECK_EQUAL(again.unique_key, spec.unique_key);
  // Two that differ are two, also when the configuration has changed what a name means.
  auto custom = asked("hls", R"({"base":"hls","crf":20})");
  CAF_REQUIRE(admit_media_job(policy, custom).has_value());
  CAF_CHECK(custom.unique_key.starts_with("hls:" + film + ":custom:"));
  auto other = asked("hls", R"({"base":"hls","crf":21})");
  CAF_REQUIRE(admit_media_job(policy, other).has_value());
  CAF_CHECK(other.unique_key != custom.unique_key);
  for (auto& p : policy.profiles)
    if (p.name == "hls")
      p.crf += 1;
  auto changed = asked("hls", R"("hls")");
  CAF_REQUIRE(admit_media_job(policy, changed).has_value());
  CAF_CHECK(changed.unique_key != spec.unique_key);
  CAF_CHECK_EQUAL(refused(asked("hls", R"("web-720p")")), "payload.profile");
  CAF_CHECK_EQUAL(refused(asked("hls", R"("hls","segments":4)")), "payload.segments");
  CAF_CHECK_EQUAL(refused(asked("transcode", R"("remux","crf":4)")), "payload.crf");
}

CAF_TEST(what encodes needs the encoders of its profile) {
  media_policy policy;
  auto needs = [&](const std::string& kind, const std::string& profile) {
    auto spec = asked(kind, profile);
    spec.needs = {"mine"};
    CAF_REQUIRE(admit_media_job(policy, spec).has_value());
    // Once more, as when it is retried: nothing twice.
    CAF_REQUIRE(admit_media_job(policy, spec).has_value());
    std::sort(spec.needs.begin(), spec.needs.end());
    return spec.needs;
  };
  using names = std::vector<std::string>;
  CAF_CHECK(needs("transcode", R"("web-720p")") == (names{"encoder:aac", "encoder:libx264", "mine"}));
  CAF_CHECK(needs("hls", R"("hls")") == (names{"encoder:aac", "encoder:libx264", "mine"}));
  CAF_CHECK(needs("transcode", R"({"base":"web-720p","videoCodec":"hevc","audioCodec":"opus","container":"matroska",)"
                               R"("extension":"mkv"})")
            == (names{"encoder:libopus", "encoder:libx265", "mine"}));
  // A card is only faster.
  CAF_CHECK(needs("transcode", R"({"base":"web-720p","hardware":true})")
            == (names{"encoder:aac", "encoder:libx264", "mine"}));
  // Nothing is encoded.
  CAF_CHECK(needs("transcode", R"("remux")") == names{"mine"});
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
  CAF_CHECK_EQUAL(spec->unique_key, "storyboard:" + film + ":7-8-9");
  auto again = *spec;
  CAF_REQUIRE(admit_media_job(policy, again).has_value());
  CAF_CHECK(again == *spec);
  item.duration = 0;
  CAF_CHECK(!storyboard_after_ingest(policy, item));
  item.duration = 60;
  item.video_codec.clear();
  CAF_CHECK(!storyboard_after_ingest(policy, item));
}

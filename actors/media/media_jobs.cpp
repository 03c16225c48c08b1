#include "actors/media/media_jobs.hpp"

#include "actors/media/payloads.hpp"
#include "protocol/model/profile_builder.hpp"

namespace troupe::work {

namespace {

error of_payload(error x) {
  for (auto& [field, reason] : x.fields)
    field.insert(0, "payload.");
  if (x.fields.empty())
    x.fields.emplace_back("payload", x.message);
  return x;
}

/// Writes the payload anew with its whole profile.
template <class Payload>
result<void> keep(const media_policy& policy, job_spec& spec, result<Payload> asked) {
  if (!asked)
    return of_payload(std::move(asked).error());
  if (auto problem = name_problem(asked->profile, policy.profiles)) {
    error refused{errc::validation, "the profile's name " + problem->reason};
    refused.fields.emplace_back("payload.profile.name", problem->reason);
    return refused;
  }
  spec.payload = encode(*asked);
  return {};
}

/// The same wish of the same content, and nothing else, has the same key.
std::string storyboard_key(const storyboard_payload& x) {
  auto out = "storyboard:" + x.video.str() + (x.version == file_version{} ? "" : ":" + x.version.str());
  for (uint64_t n : {uint64_t{x.width}, uint64_t{x.columns}, uint64_t{x.rows}, uint64_t(x.interval.count())})
    out += ":" + std::to_string(n);
  return out + (x.bif ? ":bif" : "") + (x.jellyfin ? ":jellyfin" : "");
}

storyboard_payload usual(const storyboard_policy& policy) {
  storyboard_payload out;
  out.width = policy.width;
  out.interval = policy.interval;
  return out;
}

result<void> keep_storyboard(const media_policy& policy, job_spec& spec) {
  auto asked = decode_storyboard_payload(spec.payload, usual(policy.storyboards));
  if (!asked)
    return of_payload(std::move(asked).error());
  spec.payload = encode(*asked);
  if (spec.unique_key.empty())
    spec.unique_key = storyboard_key(*asked);
  return {};
}

result<void> keep_ladder(const media_policy& policy, job_spec& spec) {
  auto asked = decode_hls_payload(spec.payload, policy.profiles);
  if (asked && spec.unique_key.empty() && find_profile(policy.profiles, asked->profile.name))
    spec.unique_key = "hls:" + asked->video.str() + ":" + asked->profile.name;
  return keep(policy, spec, std::move(asked));
}

} // namespace

std::optional<job_spec> storyboard_after_ingest(const media_policy& policy, const video& item) {
  // A still picture has no length, and a song's cover is no film.
  if (!policy.storyboards.after_ingest || item.video_codec.empty() || item.duration < 1)
    return std::nullopt;
  auto payload = usual(policy.storyboards);
  payload.video = item.id;
  payload.version = item.version;
  job_spec out;
  out.kind = "storyboard";
  out.payload = encode(payload);
  out.unique_key = storyboard_key(payload);
  return out;
}

result<void> admit_media_job(const media_policy& policy, job_spec& spec) {
  if (spec.kind == "transcode")
    return keep(policy, spec, decode_transcode_payload(spec.payload, policy.profiles));
  if (spec.kind == "hls")
    return keep_ladder(policy, spec);
  if (spec.kind == "storyboard")
    return keep_storyboard(policy, spec);
  return {};
}

} // namespace troupe::work

#include "actors/media/media_jobs.hpp"

#include "actors/media/payloads.hpp"
#include "actors/media/work_sizes.hpp"
#include "protocol/model/encoders.hpp"
#include "protocol/model/json_codec.hpp"
#include "protocol/model/profile_builder.hpp"

#include <algorithm>

namespace troupe::work {

namespace {

error of_payload(error x) {
  for (auto& [field, reason] : x.fields)
    field.insert(0, "payload.");
  if (x.fields.empty())
    x.fields.emplace_back("payload", x.message);
  return x;
}

/// A card does what software does, faster, and not everywhere: what a job can't do without is the encoder in software.
void need_encoder(job_spec& spec, const std::string& codec) {
  const auto encoder = software_encoder_for(codec);
  if (encoder.empty())
    return;
  auto name = encoder_capability(encoder);
  if (std::find(spec.needs.begin(), spec.needs.end(), name) == spec.needs.end())
    spec.needs.push_back(std::move(name));
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
  need_encoder(spec, asked->profile.video_codec);
  need_encoder(spec, asked->profile.audio_codec);
  spec.payload = encode(*asked);
  return {};
}

/// So many different storyboards of one content may be on their way.
constexpr size_t most_wishes = 4;

/// The n-th of the wishes of this content that are not done.
std::string storyboard_key(const storyboard_payload& x, size_t n = 0) {
  auto out = "storyboard:" + x.video.str() + (x.version == file_version{} ? "" : ":" + x.version.str());
  return n == 0 ? out : out + "#" + std::to_string(n);
}

struct open_wishes {
  /// Of the last one; both empty when there is none.
  std::string key;
  storyboard_payload newest;
  std::string free_key;
};

open_wishes wishes_for(const storyboard_payload& like, const find_open_job& open) {
  open_wishes out;
  std::optional<job_id> newest;
  for (size_t n = 0; n < most_wishes; ++n) {
    auto key = storyboard_key(like, n);
    auto found = open ? open(key) : std::nullopt;
    if (!found && out.free_key.empty())
      out.free_key = key;
    // One without an id comes with this one, and so after those that have theirs.
    if (!found || (newest && (!*newest || (found->id && found->id < *newest))))
      continue;
    auto payload = decode_storyboard_payload(found->payload);
    if (!payload)
      continue;
    newest = found->id;
    out.key = std::move(key);
    out.newest = *std::move(payload);
  }
  return out;
}

/// Stored payloads may hold what a newer version wrote; people are told of a slip of the pen.
result<void> check_names(const std::string& payload, const std::vector<std::string_view>& known) {
  auto doc = parse_json(payload, "the payload");
  if (!doc || !doc->is_object())
    return {};
  error refused{errc::validation, "the payload has fields that are not known"};
  std::string all;
  for (auto name : known)
    all.append(all.empty() ? "" : ", ").append(name);
  for (auto& [key, _] : doc->items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      refused.fields.emplace_back("payload." + key, "is not known; known: " + all);
  if (!refused.fields.empty())
    return refused;
  return {};
}

storyboard_payload usual(const storyboard_policy& policy) {
  storyboard_payload out;
  out.width = policy.width;
  out.interval = policy.interval;
  return out;
}

result<void> keep_storyboard(const media_policy& policy, job_spec& spec, const find_open_job& open) {
  TROUPE_TRY(check_names(
    spec.payload, {"videoId", "version", "width", "interval", "columns", "rows", "bif", "jellyfin", "otherwise"}));
  auto asked = decode_storyboard_payload(spec.payload, usual(policy.storyboards));
  if (!asked)
    return of_payload(std::move(asked).error());
  if (!spec.unique_key.empty()) {
    spec.payload = encode(*asked);
    return {};
  }
  auto wishes = wishes_for(*asked, open);
  spec.unique_key = wishes.free_key;
  if (!wishes.key.empty()) {
    asked = decode_storyboard_payload(spec.payload, {}, &wishes.newest);
    if (!asked)
      return of_payload(std::move(asked).error());
    // What somebody waits for is not taken from him.
    asked->bif |= wishes.newest.bif;
    asked->jellyfin |= wishes.newest.jellyfin;
    if (*asked == wishes.newest)
      spec.unique_key = wishes.key;
  }
  if (spec.unique_key.empty())
    return {errc::conflict, "storyboards of this video are being made in " + std::to_string(most_wishes)
                              + " other ways; ask again when one of those jobs has ended"};
  spec.payload = encode(*asked);
  return {};
}

result<void> keep_ladder(const media_policy& policy, job_spec& spec) {
  TROUPE_TRY(check_names(spec.payload, {"videoId", "profile"}));
  auto asked = decode_hls_payload(spec.payload, policy.profiles);
  if (asked && spec.unique_key.empty())
    spec.unique_key = "hls:" + asked->video.str() + ":" + asked->profile.name + ":" + digest_of(asked->profile);
  return keep(policy, spec, std::move(asked));
}

result<void> keep_transcode(const media_policy& policy, job_spec& spec) {
  TROUPE_TRY(check_names(spec.payload, {"videoId", "profile"}));
  return keep(policy, spec, decode_transcode_payload(spec.payload, policy.profiles));
}

} // namespace

std::optional<video_id> video_of(const job_spec& spec) {
  if (spec.kind != "transcode" && spec.kind != "hls" && spec.kind != "storyboard")
    return std::nullopt;
  auto doc = parse_json(spec.payload, "the payload");
  if (!doc || !doc->is_object())
    return std::nullopt;
  auto id = doc->find("videoId");
  return id != doc->end() && id->is_string() ? video_id::parse(id->get<std::string>()) : std::nullopt;
}

void place_by(const media_policy& policy, job_spec& spec, const video& item) {
  auto near = library_capability(item.library);
  if (std::find(spec.prefers.begin(), spec.prefers.end(), near) == spec.prefers.end())
    spec.prefers.push_back(std::move(near));
  // A storyboard's time is that of finding its pictures, which no figure of the film tells.
  if (spec.work > 0 || spec.kind == "storyboard")
    return;
  auto asked = spec.kind == "hls" ? decode_hls_payload(spec.payload, policy.profiles)
                                  : decode_transcode_payload(spec.payload, policy.profiles);
  if (asked)
    spec.work = work_of_pictures(asked->profile, {item.duration, item.width, item.height, item.video_codec});
}

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
  place_by(policy, out, item);
  return out;
}

result<void> admit_media_job(const media_policy& policy, job_spec& spec, const find_open_job& open) {
  if (spec.kind == "transcode")
    return keep_transcode(policy, spec);
  if (spec.kind == "hls")
    return keep_ladder(policy, spec);
  if (spec.kind == "storyboard")
    return keep_storyboard(policy, spec, open);
  return {};
}

} // namespace troupe::work

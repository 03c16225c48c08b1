#include "protocol/model/profile_builder.hpp"

#include "protocol/model/ids.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_codec.hpp"
#include "protocol/model/media_codec.hpp"

#include <algorithm>

namespace troupe {

namespace {

using nlohmann::json;

/// Of HLS (Apple's authoring specification), seconds.
constexpr double usual_keyframe_interval = 2;

media_profile plain() {
  media_profile x;
  x.name = unnamed_profile;
  return x;
}

bool holds(std::span<const std::string_view> all, std::string_view x) noexcept {
  return std::find(all.begin(), all.end(), x) != all.end();
}

std::optional<ladder_rung> rung_from(const json& value) {
  if (!value.is_object())
    return std::nullopt;
  ladder_rung out;
  object_reader in{value, "ladder"};
  in.read("maxWidth", out.max_width).read("maxHeight", out.max_height).read("videoBitRate", out.video_bit_rate);
  return in.ok() ? std::optional{out} : std::nullopt;
}

/// What no field takes becomes a value of a type that none has, so that the field says what it wants.
profile_value value_of(const json& x) {
  if (x.is_boolean())
    return x.get<bool>();
  if (x.is_string())
    return x.get<std::string>();
  if (x.is_number_integer() && (!x.is_number_unsigned() || x.get<uint64_t>() <= INT64_MAX))
    return x.get<int64_t>();
  if (x.is_number())
    return x.get<double>();
  std::vector<ladder_rung> rungs;
  if (x.is_array())
    for (auto& item : x) {
      auto rung = rung_from(item);
      // One without numbers: the rules tell what it lacks.
      rungs.push_back(rung.value_or(ladder_rung{}));
    }
  return x.is_array() ? profile_value{std::move(rungs)} : profile_value{std::vector<ladder_rung>{}};
}

error refusal(std::vector<field_problem> problems) {
  error out{errc::validation, "the profile can't be used"};
  for (auto& [field, reason] : problems) {
    out.message += (out.fields.empty() ? ": " : "; ") + field + " " + reason;
    out.fields.emplace_back(std::move(field), std::move(reason));
  }
  return out;
}

/// The profile that an object begins with, if it names one.
struct base_choice {
  const media_profile* base = nullptr;
  std::optional<field_problem> problem;
};

base_choice base_of(const json& value, std::span<const media_profile> known) {
  for (auto* key : {"profile", "base"}) {
    auto i = value.find(key);
    if (i == value.end() || i->is_null())
      continue;
    if (!i->is_string())
      return {nullptr, field_problem{key, "must be the name of a profile"}};
    auto* found = find_profile(known, i->get_ref<const std::string&>());
    if (!found)
      return {nullptr, field_problem{key, "is not known; known: " + names_of(known)}};
    return {found, std::nullopt};
  }
  if (!value.contains("container"))
    return {nullptr,
            field_problem{"profile", "is missing: name a profile, or describe one with container, videoCodec, …"}};
  return {};
}

} // namespace

const media_profile* find_profile(std::span<const media_profile> known, std::string_view name) noexcept {
  for (auto& p : known)
    if (p.name == name)
      return &p;
  return nullptr;
}

std::string digest_of(const media_profile& x) {
  // FNV-1a: nobody gains from two that are taken for one.
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char c : encode(x))
    hash = (hash ^ c) * 0x100000001b3;
  return to_string(raw_id{0, hash}).substr(13);
}

std::string names_of(std::span<const media_profile> known) {
  std::string out;
  for (auto& p : known)
    out.append(out.empty() ? "" : ", ").append(p.name);
  return out;
}

profile_builder::profile_builder(const media_profile& base) : profile_(base), base_codec_(base.video_codec) {
}

profile_builder::profile_builder() : profile_(plain()), from_nothing_(true) {
}

std::optional<std::string> profile_builder::set(std::string_view field, const profile_value& value) {
  auto reason = [&]() -> std::optional<std::string> {
    auto* f = find_profile_field(field);
    if (!f)
      return "is not known";
    return assign(profile_, *f, value);
  }();
  said_.emplace(field);
  if (reason)
    problems_.push_back({std::string{field}, *reason});
  return reason;
}

/// The usual ones of another container, where those that are there can't stay.
void profile_builder::follow_container() {
  auto* c = find_container(profile_.container);
  if (!c)
    return;
  profile_.container = c->muxer;
  if (!said("extension") && !holds(c->extensions, profile_.extension))
    profile_.extension = c->extensions.front();
  if (!said("videoCodec") && (from_nothing_ || !holds(c->video, profile_.video_codec)))
    profile_.video_codec = c->video.front();
  if (!said("audioCodec") && (from_nothing_ || !holds(c->audio, profile_.audio_codec)))
    profile_.audio_codec = c->audio.front();
  if (makes_ladder(profile_))
    follow_ladder();
}

/// Each variant says its own size and bit rate.
void profile_builder::follow_ladder() {
  if (from_nothing_ && !said("keyframeInterval"))
    profile_.keyframe_interval = usual_keyframe_interval;
  if (!said("maxWidth"))
    profile_.max_width = 0;
  if (!said("maxHeight"))
    profile_.max_height = 0;
  if (!said("maxBitRate"))
    profile_.max_bit_rate = 0;
}

/// The scales of quality and speed are each encoder's own.
void profile_builder::follow_codec() {
  auto* codec = find_video_codec(profile_.video_codec);
  if (!codec || profile_.video_codec == base_codec_)
    return;
  if (!said("crf"))
    profile_.crf = codec->usual_crf;
  if (!said("preset"))
    profile_.preset = codec->usual_preset;
  if (!codec->ten_bit && !said("bitDepth") && !said("keepHdr")) {
    profile_.bit_depth = 8;
    profile_.keep_hdr = false;
  }
}

std::vector<field_problem> profile_builder::finish() {
  follow_container();
  follow_codec();
  auto out = problems_;
  for (auto& x : problems_of(profile_)) {
    // A refused value left another one in its place: that one is not what people said.
    auto refused = std::any_of(problems_.begin(), problems_.end(), [&](auto& p) { return p.field == x.field; });
    if (!refused)
      out.push_back(std::move(x));
  }
  return out;
}

result<media_profile> profile_from_json(std::string_view text, std::span<const media_profile> known) {
  auto value = parse_json(text, "the profile");
  if (!value)
    return std::move(value).error();
  if (value->is_string()) {
    auto* found = find_profile(known, value->get_ref<const std::string&>());
    if (!found)
      return refusal({{"profile", "is not known; known: " + names_of(known)}});
    return *found;
  }
  if (!value->is_object())
    return refusal({{"profile", "must be a name, or an object of fields"}});
  auto [base, wrong_base] = base_of(*value, known);
  auto builder = base ? profile_builder{*base} : profile_builder{};
  size_t changes = 0;
  for (auto& f : profile_fields())
    if (auto i = value->find(f.name); i != value->end() && !i->is_null()) {
      ++changes;
      (void)builder.set(f.name, value_of(*i));
    }
  // Another profile than its base, and so not of that name.
  if (base && changes > 0 && !value->contains("name"))
    (void)builder.set("name", std::string{unnamed_profile});
  auto problems = builder.finish();
  if (wrong_base)
    problems.insert(problems.begin(), std::move(*wrong_base));
  if (!problems.empty())
    return refusal(std::move(problems));
  return builder.profile();
}

std::optional<field_problem> name_problem(const media_profile& x, std::span<const media_profile> known) {
  auto* same = find_profile(known, x.name);
  if (!same || *same == x)
    return std::nullopt;
  return field_problem{"name", "is that of another profile; choose one of your own"};
}

} // namespace troupe

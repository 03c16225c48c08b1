#pragma once

// A profile from what people say: some fields, on top of another profile or of nothing. What they leave out follows.

#include "protocol/model/error.hpp"
#include "protocol/model/profile_fields.hpp"
#include "protocol/model/profile_rules.hpp"
#include "protocol/model/result.hpp"

#include <set>

namespace troupe {

/// nullptr when none has this name.
const media_profile* find_profile(std::span<const media_profile> known, std::string_view name) noexcept;
/// Thirteen characters that differ when any field does: for keys of what is not to be made twice. The same in every
/// process.
std::string digest_of(const media_profile& x);
/// What a profile is called that nobody named: no other may be called so.
inline constexpr std::string_view unnamed_profile = "custom";
/// "web-1080p, web-720p, …"
std::string names_of(std::span<const media_profile> known);

class profile_builder {
public:
  /// Begins with a copy of `base`.
  explicit profile_builder(const media_profile& base);
  /// Begins with nothing: the usual codecs of the container that is named, else of mp4.
  profile_builder();

  /// Sets a field by its JSON name; the reason when that can't be, which also counts for finish().
  std::optional<std::string> set(std::string_view field, const profile_value& value);
  /// Completes what was left out (the extension and codecs of another container, preset and quality of another codec)
  /// and checks the whole: all problems, those that set() told among them.
  std::vector<field_problem> finish();
  /// As it is now.
  const media_profile& profile() const noexcept {
    return profile_;
  }

private:
  bool said(std::string_view field) const {
    return said_.contains(field);
  }
  void follow_container();
  void follow_ladder();
  void follow_codec();

  media_profile profile_;
  bool from_nothing_ = false;
  std::string base_codec_;
  std::set<std::string, std::less<>> said_;
  std::vector<field_problem> problems_;
};

/// A profile as a client asks for it: the name of one of `known` as a JSON string, or an object of fields, with
/// "profile" or "base" naming the one that it begins with. An object without a name is called "custom". Members that
/// are no fields are ignored. errc::validation with every bad field.
result<media_profile> profile_from_json(std::string_view json, std::span<const media_profile> known);

/// Refuses a profile that bears the name of one of `known` and is another: who asks for that name later would get it.
std::optional<field_problem> name_problem(const media_profile& x, std::span<const media_profile> known);

} // namespace troupe

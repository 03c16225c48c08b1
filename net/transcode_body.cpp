#include "net/transcode_body.hpp"

#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"
#include "protocol/model/media.hpp"

#include <algorithm>
#include <array>

namespace troupe::net {

namespace {

struct container {
  /// As clients say it, and as libav does.
  std::string_view name;
  std::string_view muxer;
  std::string_view extension;
};

constexpr std::array containers{container{"mp4", "mp4", "mp4"},           container{"mkv", "matroska", "mkv"},
                                container{"matroska", "matroska", "mkv"}, container{"webm", "webm", "webm"},
                                container{"mov", "mov", "mov"},           container{"m4a", "ipod", "m4a"},
                                container{"ipod", "ipod", "m4a"}};
constexpr std::array<std::string_view, 3> video_codecs{"h264", "copy", "none"};
constexpr std::array<std::string_view, 6> audio_codecs{"aac", "opus", "mp3", "flac", "copy", "none"};
constexpr std::array<std::string_view, 9> presets{"ultrafast", "superfast", "veryfast", "faster",  "fast",
                                                  "medium",    "slow",      "slower",   "veryslow"};
constexpr int64_t max_side = 16'384;
constexpr size_t max_name = 64;

template <class Names, class Name>
std::string names_of(const Names& all, Name name) {
  std::string out;
  for (auto& x : all)
    out.append(out.empty() ? "" : ", ").append(name(x));
  return out;
}

template <size_t N>
void read_word(json_body& body, object_writer& out, std::string_view field,
               const std::array<std::string_view, N>& known) {
  auto value = body.text(field);
  if (!value)
    return;
  if (std::find(known.begin(), known.end(), *value) == known.end())
    return body.problem(field, "must be one of " + names_of(known, [](auto x) { return x; }));
  out.text(field, *value);
}

void read_number(json_body& body, object_writer& out, std::string_view field, int64_t minimum, int64_t maximum) {
  if (auto value = body.integer(field, minimum, maximum))
    out.number(field, *value);
}

std::string named_profile(json_body& body, const std::string& name) {
  if (!find_profile(name))
    body.problem("profile", "is not known; known: "
                              + names_of(
                                builtin_profiles(), [](auto& p) -> auto& { return p.name; }));
  return json_quote(name);
}

void read_container(json_body& body, object_writer& out) {
  auto wanted = body.text("container");
  if (!wanted)
    return;
  auto found = std::find_if(containers.begin(), containers.end(), [&](auto& c) { return c.name == *wanted; });
  if (found == containers.end())
    return body.problem("container", "must be one of " + names_of(containers, [](auto& c) { return c.name; }));
  out.text("container", found->muxer).text("extension", found->extension);
}

/// The rendition bears it: `?profile=` of a stream names it.
void read_name(json_body& body, object_writer& out) {
  auto name = body.text("name", max_name).value_or("custom");
  if (find_profile(name))
    body.problem("name", "is that of a built-in profile; choose another");
  if (name.empty() || !std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'
               || c == '.';
      }))
    body.problem("name", "must be letters, digits, '-', '_' and '.'");
  out.text("name", name);
}

} // namespace

std::string transcode_profile(json_body& body) {
  if (auto name = body.text("profile"))
    return named_profile(body, *name);
  if (!body.has("container") && !body.has("profile"))
    body.problem("profile", "is missing: name a profile, or describe one with container, videoCodec, …");
  object_writer out;
  read_name(body, out);
  read_container(body, out);
  read_word(body, out, "videoCodec", video_codecs);
  read_word(body, out, "audioCodec", audio_codecs);
  read_word(body, out, "preset", presets);
  read_number(body, out, "maxWidth", 0, max_side);
  read_number(body, out, "maxHeight", 0, max_side);
  read_number(body, out, "crf", 0, 51);
  read_number(body, out, "audioBitRate", 8'000, 1'000'000);
  if (auto fast = body.boolean("faststart"))
    out.boolean("faststart", *fast);
  return std::move(out).str();
}

} // namespace troupe::net

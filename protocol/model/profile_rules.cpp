#include "protocol/model/profile_rules.hpp"

#include "protocol/model/profile_fields.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace troupe {

namespace {

using names = std::span<const std::string_view>;
using word = std::string_view;

constexpr std::array<word, 6> any_video{"h264", "hevc", "av1", "vp9", "copy", "none"};
constexpr std::array<word, 6> any_audio{"aac", "opus", "mp3", "flac", "copy", "none"};
constexpr std::array<word, 1> no_video{"none"};

// What Debian 12's libavformat writes, tried with each pair of muxer and codec. (FLAC in mp4 is experimental there.)
constexpr std::array<word, 2> mp4_names{"mp4", "m4v"};
constexpr std::array<word, 5> mp4_audio{"aac", "opus", "mp3", "copy", "none"};
constexpr std::array<word, 1> mov_names{"mov"};
constexpr std::array<word, 4> mov_video{"h264", "hevc", "copy", "none"};
constexpr std::array<word, 4> mov_audio{"aac", "mp3", "copy", "none"};
constexpr std::array<word, 2> m4a_names{"m4a", "m4b"};
constexpr std::array<word, 2> m4a_audio{"aac", "copy"};
constexpr std::array<word, 2> mkv_names{"mkv", "mka"};
constexpr std::array<word, 2> webm_names{"webm", "weba"};
constexpr std::array<word, 4> webm_video{"vp9", "av1", "copy", "none"};
constexpr std::array<word, 3> webm_audio{"opus", "copy", "none"};
constexpr std::array<word, 3> ogg_names{"ogg", "opus", "oga"};
constexpr std::array<word, 3> ogg_audio{"opus", "flac", "copy"};
constexpr std::array<word, 1> mp3_names{"mp3"};
constexpr std::array<word, 2> mp3_audio{"mp3", "copy"};
constexpr std::array<word, 1> flac_names{"flac"};
constexpr std::array<word, 2> flac_audio{"flac", "copy"};
// Every segment begins with a keyframe of ours: nothing is copied.
constexpr std::array<word, 1> hls_names{"m3u8"};
constexpr std::array<word, 2> hls_video{"h264", "hevc"};
constexpr std::array<word, 2> hls_audio{"aac", "none"};

constexpr std::array containers{
  container_rule{"mp4", "mp4", mp4_names, any_video, mp4_audio},
  container_rule{"matroska", "mkv", mkv_names, any_video, any_audio},
  container_rule{"webm", "webm", webm_names, webm_video, webm_audio},
  container_rule{"mov", "mov", mov_names, mov_video, mov_audio},
  container_rule{"ipod", "m4a", m4a_names, no_video, m4a_audio},
  container_rule{"ogg", "ogg", ogg_names, no_video, ogg_audio},
  container_rule{"mp3", "mp3", mp3_names, no_video, mp3_audio},
  container_rule{"flac", "flac", flac_names, no_video, flac_audio},
  container_rule{"hls", "hls", hls_names, hls_video, hls_audio},
};

constexpr std::array<word, 9> x26x_presets{"ultrafast", "superfast", "veryfast", "faster",  "fast",
                                           "medium",    "slow",      "slower",   "veryslow"};
constexpr std::array<word, 14> svt_presets{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"};
constexpr names vpx_presets = names{svt_presets}.first(9);

constexpr std::array video_codecs{
  video_codec_rule{"h264", 51, 23, x26x_presets, "veryfast", false},
  video_codec_rule{"hevc", 51, 26, x26x_presets, "fast", true},
  video_codec_rule{"av1", 63, 32, svt_presets, "8", true},
  video_codec_rule{"vp9", 63, 32, vpx_presets, "4", true},
};

constexpr size_t max_name = 64;
constexpr size_t max_rungs = 12;

bool holds(names all, word x) noexcept {
  return std::find(all.begin(), all.end(), x) != all.end();
}

template <class Range, class Name>
std::string one_of(const Range& all, Name name) {
  std::string out = "must be one of ";
  for (auto& x : all)
    out.append(out.ends_with(' ') ? "" : ", ").append(name(x));
  return out;
}

std::string one_of(names all) {
  return one_of(all, [](word x) { return x; });
}

bool is_name(word text) noexcept {
  return !text.empty() && text.size() <= max_name && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'
           || c == '.';
  });
}

/// Collects the problems of one profile, a concern a function.
class checker {
public:
  explicit checker(const media_profile& x) : x_(x), codec_(find_video_codec(x.video_codec)) {
  }

  std::vector<field_problem> run() {
    if (!is_name(x_.name))
      problem("name", "must be 1 to 64 letters, digits, '-', '_' and '.'");
    for (auto& f : profile_fields())
      if (auto reason = range_problem(x_, f))
        problem(f.name, std::move(*reason));
    check_container();
    check_picture();
    check_sound();
    check_ladder();
    return std::move(out_);
  }

private:
  void problem(word field, std::string reason) {
    out_.push_back({std::string{field}, std::move(reason)});
  }

  void check_container() {
    auto* c = find_container(x_.container);
    // Both names of a container are taken from people; what is used is the muxer's.
    bool known = c && c->muxer == x_.container;
    if (!known)
      problem("container", one_of(containers, [](auto& r) { return r.name; }));
    auto within = known ? " in " + std::string{c->name} : std::string{};
    auto video = known ? c->video : names{any_video};
    auto audio = known ? c->audio : names{any_audio};
    if (!holds(video, x_.video_codec))
      problem("videoCodec", one_of(video) + within);
    if (!holds(audio, x_.audio_codec))
      problem("audioCodec", one_of(audio) + within);
    if (known && !holds(c->extensions, x_.extension))
      problem("extension", one_of(c->extensions) + " for " + std::string{c->name});
    if (x_.video_codec == "none" && x_.audio_codec == "none")
      problem("audioCodec", "must not be none together with videoCodec: nothing would be left");
  }

  void check_picture() {
    if (x_.bit_depth == 9)
      problem("bitDepth", "must be 8 or 10");
    if (!codec_)
      return;
    auto of = " for " + x_.video_codec;
    if (x_.crf > codec_->max_crf)
      problem("crf", "must be 0 to " + std::to_string(codec_->max_crf) + of);
    if (!x_.preset.empty() && !holds(codec_->presets, x_.preset))
      problem("preset", one_of(codec_->presets) + of);
    if (x_.bit_depth == 10 && !codec_->ten_bit)
      problem("bitDepth", "must be 8" + of + ": players can't show more; hevc, av1 and vp9 take 10");
    if (x_.keep_hdr && x_.bit_depth != 10)
      problem("keepHdr", "needs a bitDepth of 10");
  }

  void check_sound() {
    if (x_.loudness != 0 && (x_.audio_codec == "copy" || x_.audio_codec == "none"))
      problem("loudness", "needs sound that is encoded anew: audioCodec is " + x_.audio_codec);
  }

  void check_ladder() {
    if (!makes_ladder(x_)) {
      if (!x_.ladder.empty())
        problem("ladder", "is of container hls alone");
      return;
    }
    if (x_.ladder.empty() || x_.ladder.size() > max_rungs)
      problem("ladder", "must hold 1 to " + std::to_string(max_rungs) + " variants in container hls");
    for (size_t i = 0; i < x_.ladder.size() && i < max_rungs; ++i)
      check_rung(i);
    for (auto [name, value] : {std::pair{"maxWidth", x_.max_width}, std::pair{"maxHeight", x_.max_height},
                               std::pair{"maxBitRate", x_.max_bit_rate}})
      if (value != 0)
        problem(name, "must be 0 in container hls: each variant of the ladder says its own");
    auto segments = x_.segment_seconds / x_.keyframe_interval;
    if (x_.keyframe_interval <= 0)
      problem("keyframeInterval", "must not be 0 in container hls: a segment begins with a keyframe");
    else if (segments < 0.999 || std::abs(segments - std::round(segments)) > 0.001)
      problem("segmentSeconds", "must be a whole multiple of keyframeInterval: a segment begins with a keyframe");
  }

  void check_rung(size_t i) {
    auto& r = x_.ladder[i];
    auto field = [i](word name) { return "ladder[" + std::to_string(i) + "]." + std::string{name}; };
    for (auto [name, side] : {std::pair{"maxWidth", r.max_width}, std::pair{"maxHeight", r.max_height}})
      if (side < 16 || side > 16'384)
        problem(field(name), "must be a whole number from 16 to 16384");
    if (r.video_bit_rate < 32'000 || r.video_bit_rate > 1'000'000'000)
      problem(field("videoBitRate"), "must be a whole number from 32000 to 1000000000");
    else if (i > 0 && r.video_bit_rate >= x_.ladder[i - 1].video_bit_rate)
      problem(field("videoBitRate"), "must be less than that of the variant before: the best stands first");
  }

  const media_profile& x_;
  const video_codec_rule* codec_;
  std::vector<field_problem> out_;
};

} // namespace

const container_rule* find_container(std::string_view name) noexcept {
  for (auto& c : containers)
    if (c.muxer == name || c.name == name)
      return &c;
  return nullptr;
}

const video_codec_rule* find_video_codec(std::string_view name) noexcept {
  for (auto& c : video_codecs)
    if (c.name == name)
      return &c;
  return nullptr;
}

std::vector<field_problem> problems_of(const media_profile& x) {
  return checker{x}.run();
}

} // namespace troupe

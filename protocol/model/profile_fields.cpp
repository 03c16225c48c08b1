#include "protocol/model/profile_fields.hpp"

#include "protocol/model/json_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace troupe {

namespace {

using p = media_profile;

constexpr std::string_view no_limit = "no limit";

constexpr std::array table{
  profile_field{"name", &p::name,
                "Of the profile and of what is made with it: letters, digits, '-', '_' and '.'; not custom"},
  profile_field{"description", &p::description, "One line for people who choose"},
  profile_field{"container", &p::container, "mp4, mkv, webm, mov, m4a, ogg, mp3, flac, or hls for a ladder"},
  profile_field{"extension", &p::extension, "Of the file's name; the container's own unless told"},
  profile_field{"videoCodec", &p::video_codec, "h264, hevc, av1, vp9, copy, or none for sound alone"},
  profile_field{"maxWidth", &p::max_width, "The picture is scaled down to fit, never up", 16, 16'384, no_limit},
  profile_field{"maxHeight", &p::max_height, "The picture is scaled down to fit, never up", 16, 16'384, no_limit},
  profile_field{"maxFrameRate", &p::max_frame_rate, "Frames a second; more are dropped", 1, 300, no_limit},
  profile_field{"crf", &p::crf, "Constant quality, lower is better; at most 51 for h264 and hevc", 0, 63},
  profile_field{"preset", &p::preset,
                "Speed against size: ultrafast to veryslow for h264 and hevc, 0 (slow) to 13 for av1, 0 to 8 for vp9"},
  profile_field{"maxBitRate", &p::max_bit_rate, "Peak bits a second of the picture", 32'000, 1'000'000'000, no_limit},
  profile_field{"bitDepth", &p::bit_depth, "10 is for hevc, av1 and vp9; a source with fewer keeps its own", 8, 10},
  profile_field{"keepHdr", &p::keep_hdr, "HDR stays HDR (needs a bit depth of 10); else it is tone-mapped"},
  profile_field{"keyframeInterval", &p::keyframe_interval, "Seconds between keyframes at most", 0.1, 60,
                "the encoder's choice"},
  profile_field{"copyFitting", &p::copy_fitting, "Streams that are already what is asked for are copied"},
  profile_field{"hardware", &p::hardware, "A hardware encoder is used where one works"},
  profile_field{"audioCodec", &p::audio_codec, "aac, opus, mp3, flac, copy, or none for the picture alone"},
  profile_field{"audioBitRate", &p::audio_bit_rate, "Bits a second of a stereo track; others in proportion", 8'000,
                1'000'000},
  profile_field{"maxChannels", &p::max_channels, "Tracks with more are mixed down", 1, 8, no_limit},
  profile_field{"loudness", &p::loudness, "Integrated loudness to aim at, LUFS (EBU R 128), in two passes", -70, -5,
                "left alone"},
  profile_field{"subtitles", &p::subtitles, "Subtitle tracks go along"},
  profile_field{"faststart", &p::faststart, "mp4, mov, m4a: the index stands at the front"},
  profile_field{"ladder", &p::ladder, "hls: the variants, best first, each with its own size and bit rate"},
  profile_field{"segmentSeconds", &p::segment_seconds, "hls: length of a segment, seconds", 1, 30},
};

constexpr size_t max_text = 200;

/// Whole numbers without an exponent, others as short as they can be.
std::string number_text(double x) {
  if (std::abs(x) < 1e15 && x == std::floor(x))
    return std::to_string(static_cast<int64_t>(x));
  std::array<char, 32> buf;
  auto [end, ec] = std::to_chars(buf.data(), buf.data() + buf.size(), x);
  return ec == std::errc{} ? std::string{buf.data(), end} : std::string{};
}

bool is_whole(const profile_field& f) noexcept {
  return std::holds_alternative<uint32_t media_profile::*>(f.place);
}

std::string range_text(const profile_field& f) {
  return std::string{"must be a "} + (is_whole(f) ? "whole " : "") + "number from " + range_of(f);
}

bool in_range(const profile_field& f, double x) noexcept {
  return (x >= f.min && x <= f.max) || (x == 0 && !f.zero.empty());
}

/// One overload for each type of member.
struct assigner {
  media_profile& x;
  const profile_field& f;
  const profile_value& value;

  using outcome = std::optional<std::string>;

  std::optional<double> number() const {
    if (auto* whole = std::get_if<int64_t>(&value))
      return static_cast<double>(*whole);
    if (auto* real = std::get_if<double>(&value))
      return *real;
    return std::nullopt;
  }

  outcome operator()(std::string media_profile::*place) const {
    auto* text = std::get_if<std::string>(&value);
    if (!text)
      return "must be a text";
    if (text->size() > max_text || std::any_of(text->begin(), text->end(), [](unsigned char c) { return c < 0x20; }))
      return "must be one line of at most " + std::to_string(max_text) + " bytes";
    x.*place = *text;
    return std::nullopt;
  }
  outcome operator()(bool media_profile::*place) const {
    auto* flag = std::get_if<bool>(&value);
    if (!flag)
      return "must be true or false";
    x.*place = *flag;
    return std::nullopt;
  }
  outcome operator()(uint32_t media_profile::*place) const {
    auto* whole = std::get_if<int64_t>(&value);
    if (!whole)
      return range_text(f);
    if (!in_range(f, static_cast<double>(*whole)))
      return range_text(f) + " (is " + std::to_string(*whole) + ")";
    x.*place = static_cast<uint32_t>(*whole);
    return std::nullopt;
  }
  outcome operator()(double media_profile::*place) const {
    auto given = number();
    if (!given)
      return range_text(f);
    // False for NaN, too.
    if (!in_range(f, *given))
      return range_text(f) + " (is " + number_text(*given) + ")";
    x.*place = *given;
    return std::nullopt;
  }
  outcome operator()(std::vector<ladder_rung> media_profile::*place) const {
    auto* rungs = std::get_if<std::vector<ladder_rung>>(&value);
    if (!rungs)
      return "must be a list of variants (width, height and bit rate of each)";
    x.*place = *rungs;
    return std::nullopt;
  }
};

} // namespace

std::span<const profile_field> profile_fields() noexcept {
  return table;
}

const profile_field* find_profile_field(std::string_view name) noexcept {
  for (auto& f : table)
    if (f.name == name)
      return &f;
  return nullptr;
}

std::string toml_name(std::string_view field) {
  std::string out;
  for (char c : field) {
    if (c >= 'A' && c <= 'Z')
      out += '_';
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

std::string json_name(std::string_view key) {
  for (auto& f : table)
    if (toml_name(f.name) == key)
      return std::string{f.name};
  return std::string{key};
}

std::string range_of(const profile_field& f) {
  if (f.min == f.max)
    return {};
  return number_text(f.min) + " to " + number_text(f.max)
         + (f.zero.empty() ? "" : ", or 0 (" + std::string{f.zero} + ")");
}

std::string plain_field::operator()(uint32_t media_profile::*place) const {
  return std::to_string(x.*place);
}

std::string plain_field::operator()(double media_profile::*place) const {
  std::string out;
  append_number(out, x.*place);
  return out;
}

std::string plain_field::operator()(bool media_profile::*place) const {
  return x.*place ? "true" : "false";
}

std::optional<std::string> assign(media_profile& x, const profile_field& f, const profile_value& value) {
  return std::visit(assigner{x, f, value}, f.place);
}

std::optional<std::string> range_problem(const media_profile& x, const profile_field& f) {
  double value = 0;
  if (auto* whole = std::get_if<uint32_t media_profile::*>(&f.place))
    value = x.*(*whole);
  else if (auto* real = std::get_if<double media_profile::*>(&f.place))
    value = x.*(*real);
  else
    return std::nullopt;
  if (in_range(f, value))
    return std::nullopt;
  return range_text(f) + " (is " + number_text(value) + ")";
}

} // namespace troupe

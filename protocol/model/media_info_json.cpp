// What a probe knows, as JSON. It is stored for each file of a library: a field that has its default is left out.

#include "protocol/model/json.hpp"
#include "protocol/model/media_codec.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <tuple>

namespace troupe {

using nlohmann::json;

namespace {

template <class T, class M>
struct field {
  const char* name;
  M T::*member;
};
template <class T, class M>
field(const char*, M T::*) -> field<T, M>;

constexpr auto fields(const mastering_display*) {
  using x = mastering_display;
  return std::tuple{field{"hasPrimaries", &x::has_primaries},
                    field{"hasLuminance", &x::has_luminance},
                    field{"redX", &x::red_x},
                    field{"redY", &x::red_y},
                    field{"greenX", &x::green_x},
                    field{"greenY", &x::green_y},
                    field{"blueX", &x::blue_x},
                    field{"blueY", &x::blue_y},
                    field{"whiteX", &x::white_x},
                    field{"whiteY", &x::white_y},
                    field{"minLuminance", &x::min_luminance},
                    field{"maxLuminance", &x::max_luminance}};
}

constexpr auto fields(const content_light*) {
  return std::tuple{field{"maxContent", &content_light::max_content}, field{"maxAverage", &content_light::max_average}};
}

constexpr auto fields(const dolby_vision*) {
  using x = dolby_vision;
  return std::tuple{field{"versionMajor", &x::version_major},
                    field{"versionMinor", &x::version_minor},
                    field{"profile", &x::profile},
                    field{"level", &x::level},
                    field{"rpu", &x::rpu},
                    field{"enhancementLayer", &x::enhancement_layer},
                    field{"baseLayer", &x::base_layer},
                    field{"compatibility", &x::compatibility}};
}

constexpr auto fields(const stream_side_data*) {
  return std::tuple{field{"type", &stream_side_data::type}, field{"values", &stream_side_data::values}};
}

constexpr auto fields(const media_stream*) {
  using x = media_stream;
  return std::tuple{field{"index", &x::index},
                    field{"kind", &x::kind},
                    field{"codec", &x::codec},
                    field{"codecTag", &x::codec_tag},
                    field{"id", &x::id},
                    field{"profile", &x::profile},
                    field{"level", &x::level},
                    field{"language", &x::language},
                    field{"title", &x::title},
                    field{"tags", &x::tags},
                    field{"timeBase", &x::time_base},
                    field{"startTicks", &x::start_ticks},
                    field{"durationTicks", &x::duration_ticks},
                    field{"startTime", &x::start_time},
                    field{"duration", &x::duration},
                    field{"bitRate", &x::bit_rate},
                    field{"frames", &x::frames},
                    field{"dispositions", &x::dispositions},
                    field{"sideData", &x::side_data},
                    field{"width", &x::width},
                    field{"height", &x::height},
                    field{"codedWidth", &x::coded_width},
                    field{"codedHeight", &x::coded_height},
                    field{"pixelFormat", &x::pixel_format},
                    field{"bitDepth", &x::bit_depth},
                    field{"frameRate", &x::frame_rate},
                    field{"averageFrameRate", &x::average_frame_rate},
                    field{"baseFrameRate", &x::base_frame_rate},
                    field{"sampleAspect", &x::sample_aspect},
                    field{"displayAspect", &x::display_aspect},
                    field{"fieldOrder", &x::field_order},
                    field{"colorSpace", &x::color_space},
                    field{"colorTransfer", &x::color_transfer},
                    field{"colorPrimaries", &x::color_primaries},
                    field{"colorRange", &x::color_range},
                    field{"chromaLocation", &x::chroma_location},
                    field{"reorderFrames", &x::reorder_frames},
                    field{"nalLengthSize", &x::nal_length_size},
                    field{"rotation", &x::rotation},
                    field{"displayMatrix", &x::display_matrix},
                    field{"masteringDisplay", &x::mastering},
                    field{"contentLight", &x::light},
                    field{"dolbyVision", &x::dolby},
                    field{"hdr10Plus", &x::hdr10_plus},
                    field{"closedCaptions", &x::closed_captions},
                    field{"filmGrain", &x::film_grain},
                    field{"sampleFormat", &x::sample_format},
                    field{"sampleRate", &x::sample_rate},
                    field{"channels", &x::channels},
                    field{"channelLayout", &x::channel_layout},
                    field{"bitsPerSample", &x::bits_per_sample},
                    field{"bitsPerRawSample", &x::bits_per_raw_sample}};
}

constexpr auto fields(const media_chapter*) {
  using x = media_chapter;
  return std::tuple{field{"start", &x::start},        field{"end", &x::end},
                    field{"title", &x::title},        field{"id", &x::id},
                    field{"timeBase", &x::time_base}, field{"tags", &x::tags}};
}

constexpr auto fields(const media_info*) {
  using x = media_info;
  return std::tuple{field{"format", &x::format},
                    field{"duration", &x::duration},
                    field{"startTime", &x::start_time},
                    field{"bitRate", &x::bit_rate},
                    field{"size", &x::size},
                    field{"programs", &x::programs},
                    field{"tags", &x::tags},
                    field{"streams", &x::streams},
                    field{"chapters", &x::chapters},
                    field{"warnings", &x::warnings},
                    field{"fingerprint", &x::fingerprint}};
}

template <class T>
concept has_fields = requires(const T* x) {
  fields(x);
};

template <has_fields T>
json written(const T& x);
template <has_fields T>
T parsed(const json& value);

template <class T>
json written(const T& x) {
  return x;
}
/// JSON has no NaN and no infinity.
json written(double x) {
  return std::isfinite(x) ? x : 0;
}
json written(const rational& x) {
  return std::to_string(x.num) + "/" + std::to_string(x.den);
}
template <class T>
json written(const std::optional<T>& x) {
  return written(*x);
}
template <has_fields T>
json written(const std::vector<T>& all) {
  json out = json::array();
  for (auto& x : all)
    out.push_back(written(x));
  return out;
}

template <class T>
void read(const json& value, T& out) {
  value.get_to(out);
}
template <has_fields T>
void read(const json& value, T& out) {
  out = parsed<T>(value);
}
void read(const json& value, rational& out) {
  auto text = value.get<std::string>();
  auto* end = text.data() + text.size();
  auto* slash = text.data() + std::min(text.find('/'), text.size());
  auto num = std::from_chars(text.data(), slash, out.num);
  if (num.ptr != slash || slash == end || std::from_chars(slash + 1, end, out.den).ptr != end)
    throw json::type_error::create(302, "not a fraction", &value);
}
template <class T>
void read(const json& value, std::optional<T>& out) {
  read(value, out.emplace());
}
template <has_fields T>
void read(const json& value, std::vector<T>& out) {
  for (auto& x : value)
    out.push_back(parsed<T>(x));
}

/// Most pictures have one rate: the others are written where they differ from it.
void thin_rates(const media_stream& x, json& out) {
  for (auto [name, rate] :
       {std::pair{"averageFrameRate", &x.average_frame_rate}, std::pair{"baseFrameRate", &x.base_frame_rate}}) {
    if (*rate == x.frame_rate)
      out.erase(name);
    else
      out[name] = *rate;
  }
}

template <has_fields T>
json written(const T& x) {
  static const T defaults{};
  json out = json::object();
  std::apply(
    [&](auto... f) { ((x.*f.member == defaults.*f.member ? void() : void(out[f.name] = written(x.*f.member))), ...); },
    fields(&x));
  if constexpr (std::is_same_v<T, media_stream>) {
    // Readable without knowing the defaults.
    out["index"] = x.index;
    thin_rates(x, out);
  } else if constexpr (std::is_same_v<T, media_chapter>) {
    out["start"] = written(x.start);
  }
  return out;
}

/// What a field holds that is not written.
template <class T, class M>
void take_usual(T&, M T::*) {
}

void take_usual(media_stream& x, std::string media_stream::*field) {
  // Written after frameRate, so that is known here.
  if (field == &media_stream::average_frame_rate || field == &media_stream::base_frame_rate)
    x.*field = x.frame_rate;
}

template <has_fields T>
T parsed(const json& value) {
  if (!value.is_object())
    throw json::type_error::create(302, "not an object", &value);
  T x;
  auto take = [&](auto f) {
    if (auto it = value.find(f.name); it != value.end() && !it->is_null())
      read(*it, x.*f.member);
    else
      take_usual(x, f.member);
  };
  std::apply([&](auto... f) { (take(f), ...); }, fields(&x));
  return x;
}

} // namespace

json to_value(const media_info& x) {
  return written(x);
}

media_info media_info_from(const json& value) {
  return parsed<media_info>(value);
}

std::string encode(const media_info& x) {
  return to_value(x).dump(-1, ' ', false, json::error_handler_t::replace);
}

result<media_info> decode_media_info(std::string_view text) {
  try {
    return media_info_from(json::parse(text));
  } catch (const json::exception& e) {
    return {errc::internal, std::string("the media information can't be read: ") + e.what()};
  }
}

} // namespace troupe

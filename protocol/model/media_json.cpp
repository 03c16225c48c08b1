#include "protocol/model/json.hpp"
#include "protocol/model/media_codec.hpp"

#include <nlohmann/json.hpp>

#include <cmath>

namespace troupe {

using nlohmann::json;

namespace {

/// JSON has no NaN and no infinity.
double finite(double x) noexcept {
  return std::isfinite(x) ? x : 0;
}

template <class T>
void read(const json& object, const char* name, T& out) {
  if (auto it = object.find(name); it != object.end() && !it->is_null())
    it->get_to(out);
}

json to_value(const media_stream& x) {
  return json{{"index", x.index},
              {"kind", x.kind},
              {"codec", x.codec},
              {"profile", x.profile},
              {"level", x.level},
              {"language", x.language},
              {"title", x.title},
              {"duration", finite(x.duration)},
              {"bitRate", x.bit_rate},
              {"dispositions", x.dispositions},
              {"width", x.width},
              {"height", x.height},
              {"pixelFormat", x.pixel_format},
              {"bitDepth", x.bit_depth},
              {"frameRate", x.frame_rate},
              {"sampleAspect", x.sample_aspect},
              {"fieldOrder", x.field_order},
              {"colorSpace", x.color_space},
              {"colorTransfer", x.color_transfer},
              {"colorPrimaries", x.color_primaries},
              {"colorRange", x.color_range},
              {"rotation", x.rotation},
              {"sampleRate", x.sample_rate},
              {"channels", x.channels},
              {"channelLayout", x.channel_layout}};
}

media_stream stream_from(const json& value) {
  media_stream x;
  read(value, "index", x.index);
  read(value, "kind", x.kind);
  read(value, "codec", x.codec);
  read(value, "profile", x.profile);
  read(value, "level", x.level);
  read(value, "language", x.language);
  read(value, "title", x.title);
  read(value, "duration", x.duration);
  read(value, "bitRate", x.bit_rate);
  read(value, "dispositions", x.dispositions);
  read(value, "width", x.width);
  read(value, "height", x.height);
  read(value, "pixelFormat", x.pixel_format);
  read(value, "bitDepth", x.bit_depth);
  read(value, "frameRate", x.frame_rate);
  read(value, "sampleAspect", x.sample_aspect);
  read(value, "fieldOrder", x.field_order);
  read(value, "colorSpace", x.color_space);
  read(value, "colorTransfer", x.color_transfer);
  read(value, "colorPrimaries", x.color_primaries);
  read(value, "colorRange", x.color_range);
  read(value, "rotation", x.rotation);
  read(value, "sampleRate", x.sample_rate);
  read(value, "channels", x.channels);
  read(value, "channelLayout", x.channel_layout);
  return x;
}

const json& object(const json& value) {
  if (!value.is_object())
    throw json::type_error::create(302, "not an object", &value);
  return value;
}

} // namespace

json to_value(const media_info& x) {
  json streams = json::array();
  for (auto& s : x.streams)
    streams.push_back(to_value(s));
  json chapters = json::array();
  for (auto& c : x.chapters)
    chapters.push_back(json{{"start", finite(c.start)}, {"end", finite(c.end)}, {"title", c.title}});
  return json{{"format", x.format},
              {"duration", finite(x.duration)},
              {"startTime", finite(x.start_time)},
              {"bitRate", x.bit_rate},
              {"size", x.size},
              {"tags", x.tags},
              {"streams", streams},
              {"chapters", chapters},
              {"warnings", x.warnings},
              {"fingerprint", x.fingerprint}};
}

media_info media_info_from(const json& value) {
  object(value);
  media_info x;
  read(value, "format", x.format);
  read(value, "duration", x.duration);
  read(value, "startTime", x.start_time);
  read(value, "bitRate", x.bit_rate);
  read(value, "size", x.size);
  read(value, "tags", x.tags);
  if (auto it = value.find("streams"); it != value.end())
    for (auto& s : *it)
      x.streams.push_back(stream_from(object(s)));
  if (auto it = value.find("chapters"); it != value.end())
    for (auto& c : *it) {
      media_chapter chapter;
      read(object(c), "start", chapter.start);
      read(c, "end", chapter.end);
      read(c, "title", chapter.title);
      x.chapters.push_back(std::move(chapter));
    }
  read(value, "warnings", x.warnings);
  read(value, "fingerprint", x.fingerprint);
  return x;
}

json to_value(const media_profile& x) {
  json ladder = json::array();
  for (auto& r : x.ladder)
    ladder.push_back(json{{"maxWidth", r.max_width}, {"maxHeight", r.max_height}, {"videoBitRate", r.video_bit_rate}});
  return json{{"name", x.name},
              {"description", x.description},
              {"container", x.container},
              {"extension", x.extension},
              {"videoCodec", x.video_codec},
              {"maxWidth", x.max_width},
              {"maxHeight", x.max_height},
              {"maxFrameRate", finite(x.max_frame_rate)},
              {"crf", x.crf},
              {"preset", x.preset},
              {"maxBitRate", x.max_bit_rate},
              {"bitDepth", x.bit_depth},
              {"keepHdr", x.keep_hdr},
              {"keyframeInterval", finite(x.keyframe_interval)},
              {"copyFitting", x.copy_fitting},
              {"hardware", x.hardware},
              {"audioCodec", x.audio_codec},
              {"audioBitRate", x.audio_bit_rate},
              {"maxChannels", x.max_channels},
              {"loudness", finite(x.loudness)},
              {"subtitles", x.subtitles},
              {"faststart", x.faststart},
              {"ladder", ladder},
              {"segmentSeconds", finite(x.segment_seconds)}};
}

media_profile media_profile_from(const json& value) {
  object(value);
  media_profile x;
  read(value, "name", x.name);
  read(value, "description", x.description);
  read(value, "container", x.container);
  read(value, "extension", x.extension);
  read(value, "videoCodec", x.video_codec);
  read(value, "maxWidth", x.max_width);
  read(value, "maxHeight", x.max_height);
  read(value, "maxFrameRate", x.max_frame_rate);
  read(value, "crf", x.crf);
  read(value, "preset", x.preset);
  read(value, "maxBitRate", x.max_bit_rate);
  read(value, "bitDepth", x.bit_depth);
  read(value, "keepHdr", x.keep_hdr);
  read(value, "keyframeInterval", x.keyframe_interval);
  read(value, "copyFitting", x.copy_fitting);
  read(value, "hardware", x.hardware);
  read(value, "audioCodec", x.audio_codec);
  read(value, "audioBitRate", x.audio_bit_rate);
  read(value, "maxChannels", x.max_channels);
  read(value, "loudness", x.loudness);
  read(value, "subtitles", x.subtitles);
  read(value, "faststart", x.faststart);
  if (auto it = value.find("ladder"); it != value.end())
    for (auto& r : *it) {
      ladder_rung rung;
      read(object(r), "maxWidth", rung.max_width);
      read(r, "maxHeight", rung.max_height);
      read(r, "videoBitRate", rung.video_bit_rate);
      x.ladder.push_back(rung);
    }
  read(value, "segmentSeconds", x.segment_seconds);
  return x;
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

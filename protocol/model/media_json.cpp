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

const json& object(const json& value) {
  if (!value.is_object())
    throw json::type_error::create(302, "not an object", &value);
  return value;
}

} // namespace

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

std::string encode(const media_profile& x) {
  return to_value(x).dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace troupe

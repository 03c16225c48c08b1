#include "protocol/model/chunks_codec.hpp"
#include "protocol/model/executor_codec.hpp"
#include "protocol/model/media_codec.hpp"

#include <array>

namespace troupe::exec {

namespace {

constexpr std::array<std::string_view, 10> op_names{"probe",        "thumbnail",  "transcode",   "verify",
                                                    "hls",          "storyboard", "plan_chunks", "encode_chunk",
                                                    "encode_audio", "join"};

constexpr std::array<std::string_view, 2> format_names{"jpeg", "webp"};

op op_from(const std::string& name) {
  for (size_t i = 0; i < op_names.size(); ++i)
    if (op_names[i] == name)
      return static_cast<op>(i);
  throw json::other_error::create(501, "unknown operation \"" + name + "\"", nullptr);
}

json limits_value(const limits& x) {
  return {{"maxPixels", x.max_pixels},       {"maxFrameRate", finite(x.max_frame_rate)},
          {"maxStreams", x.max_streams},     {"maxDuration", finite(x.max_duration)},
          {"maxExtradata", x.max_extradata}, {"maxAttachments", x.max_attachments},
          {"maxSubtitles", x.max_subtitles}, {"probeCpu", x.probe_cpu},
          {"thumbnailCpu", x.thumbnail_cpu}, {"longCpu", x.long_cpu}};
}

limits limits_from(const json& value) {
  limits x;
  read(value, "maxPixels", x.max_pixels);
  read(value, "maxFrameRate", x.max_frame_rate);
  read(value, "maxStreams", x.max_streams);
  read(value, "maxDuration", x.max_duration);
  read(value, "maxExtradata", x.max_extradata);
  read(value, "maxAttachments", x.max_attachments);
  read(value, "maxSubtitles", x.max_subtitles);
  read(value, "probeCpu", x.probe_cpu);
  read(value, "thumbnailCpu", x.thumbnail_cpu);
  read(value, "longCpu", x.long_cpu);
  return x;
}

picture_format format_from(const std::string& name) {
  for (size_t i = 0; i < format_names.size(); ++i)
    if (format_names[i] == name)
      return static_cast<picture_format>(i);
  throw json::other_error::create(501, "unknown picture format \"" + name + "\"", nullptr);
}

json to_value(const std::vector<picture_request>& pictures) {
  json out = json::array();
  for (auto& p : pictures)
    out.push_back(json{{"width", p.width}, {"format", format_names[static_cast<size_t>(p.format)]}});
  return out;
}

json to_value(const storyboard_request& x) {
  return {{"width", x.width},     {"columns", x.columns},   {"rows", x.rows}, {"intervalMs", x.interval_ms},
          {"quality", x.quality}, {"jellyfin", x.jellyfin}, {"vtt", x.vtt},   {"bif", x.bif}};
}

storyboard_request storyboard_from(const json& value) {
  storyboard_request x;
  read(value, "width", x.width);
  read(value, "columns", x.columns);
  read(value, "rows", x.rows);
  read(value, "intervalMs", x.interval_ms);
  read(value, "quality", x.quality);
  read(value, "jellyfin", x.jellyfin);
  read(value, "vtt", x.vtt);
  read(value, "bif", x.bif);
  return x;
}

} // namespace

std::string_view to_string(op what) noexcept {
  return op_names[static_cast<size_t>(what) % op_names.size()];
}

std::string encode(const request& x) {
  json value{{"op", to_string(x.op)}, {"nameHint", x.name_hint}, {"limits", limits_value(x.limits)}};
  if (!x.fault.empty())
    value["fault"] = x.fault;
  if (x.ranged)
    value.update({{"ranged", true}, {"sourceSize", x.source_size}});
  // Asked for each file of a library; it has no other parameters.
  if (x.op == op::probe)
    return text(value);
  json pieces = json::array();
  for (auto& p : x.pieces)
    pieces.push_back(to_value(p));
  value.update({{"pictures", to_value(x.pictures)},
                {"storyboard", to_value(x.storyboard)},
                {"profile", to_value(x.profile)},
                {"source", to_value(x.source)},
                {"copied", x.copied},
                {"filmSeconds", finite(x.film_seconds)},
                {"spans", to_value(x.spans)},
                {"empty", x.empty},
                {"full", x.full},
                {"frames", x.frames},
                {"wishes", to_value(x.wishes)},
                {"chunk", to_value(x.chunk)},
                {"pieces", pieces},
                {"hasAudio", x.has_audio}});
  return text(value);
}

result<request> decode_request(std::string_view body) {
  return decode<request>("the request", body, [](const json& value, request& x) {
    x.op = op_from(value.at("op").get<std::string>());
    read(value, "nameHint", x.name_hint);
    read(value, "ranged", x.ranged);
    read(value, "sourceSize", x.source_size);
    if (auto it = value.find("pictures"); it != value.end())
      for (auto& p : *it)
        x.pictures.push_back({p.at("width").get<uint32_t>(), format_from(p.at("format").get<std::string>())});
    if (auto it = value.find("storyboard"); it != value.end())
      x.storyboard = storyboard_from(*it);
    if (auto it = value.find("profile"); it != value.end())
      x.profile = media_profile_from(*it);
    if (auto it = value.find("source"); it != value.end())
      x.source = media_info_from(*it);
    read(value, "copied", x.copied);
    read(value, "filmSeconds", x.film_seconds);
    if (auto it = value.find("spans"); it != value.end())
      x.spans = spans_from(*it);
    read(value, "empty", x.empty);
    read(value, "full", x.full);
    if (auto it = value.find("limits"); it != value.end())
      x.limits = limits_from(*it);
    read(value, "frames", x.frames);
    if (auto it = value.find("wishes"); it != value.end())
      x.wishes = chunk_wishes_from(*it);
    if (auto it = value.find("chunk"); it != value.end())
      x.chunk = media_chunk_from(*it);
    if (auto it = value.find("pieces"); it != value.end())
      for (auto& entry : *it)
        x.pieces.push_back(chunk_piece_from(entry));
    read(value, "hasAudio", x.has_audio);
    read(value, "fault", x.fault);
  });
}

} // namespace troupe::exec

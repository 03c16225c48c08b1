#include "protocol/model/executor.hpp"
#include "protocol/model/chunks_codec.hpp"
#include "protocol/model/media_codec.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>

namespace troupe::exec {

using nlohmann::json;

namespace {

constexpr std::array<std::string_view, 10> op_names{"probe",        "thumbnail",  "transcode",   "verify",
                                                    "hls",          "storyboard", "plan_chunks", "encode_chunk",
                                                    "encode_audio", "join"};
constexpr std::array<std::string_view, 2> format_names{"jpeg", "webp"};

std::string text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

double finite(double x) noexcept {
  return std::isfinite(x) ? x : 0;
}

template <class T>
void read(const json& value, const char* name, T& out) {
  if (auto it = value.find(name); it != value.end() && !it->is_null())
    it->get_to(out);
}

/// Parses, demands an object, and turns what nlohmann throws into an error.
template <class T, class F>
result<T> decode(std::string_view what, std::string_view body, F&& fill) {
  try {
    auto value = json::parse(body);
    if (!value.is_object())
      return {errc::protocol, std::string(what) + " is not a JSON object"};
    T x;
    fill(value, x);
    return x;
  } catch (const json::exception& e) {
    return {errc::protocol, std::string(what) + " can't be read: " + e.what()};
  }
}

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

json failure_value(const failure& x) {
  return {{"code", to_string(x.code)}, {"class", to_string(x.cls)}, {"message", x.message}};
}

failure failure_from(const json& value) {
  failure x;
  x.code = errc_from(value.at("code").get<std::string>());
  x.cls = error_class_from(value.at("class").get<std::string>());
  read(value, "message", x.message);
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

std::string missing_layers(const sandbox_layers& x) {
  std::string out;
  if (!x.seccomp)
    out = "the seccomp filter (CONFIG_SECCOMP_FILTER, and a container that allows it)";
  if (x.landlock == 0)
    out += std::string(out.empty() ? "" : " and ")
           + "Landlock (Linux 5.13 with \"landlock\" among its security modules, and a container that allows it)";
  return out;
}

std::string encode(const readiness& x) {
  return text({{"version", x.version},
               {"encoders", x.encoders},
               {"sandbox", {{"seccomp", x.sandbox.seccomp}, {"landlock", x.sandbox.landlock}}},
               {"libraries", x.libraries}});
}

result<readiness> decode_readiness(std::string_view body) {
  return decode<readiness>("what an executor says at its start", body, [](const json& value, readiness& x) {
    value.at("version").get_to(x.version);
    read(value, "encoders", x.encoders);
    if (auto it = value.find("sandbox"); it != value.end()) {
      read(*it, "seccomp", x.sandbox.seccomp);
      read(*it, "landlock", x.sandbox.landlock);
    }
    read(value, "libraries", x.libraries);
  });
}

std::string_view to_string(op what) noexcept {
  return op_names[static_cast<size_t>(what) % op_names.size()];
}

std::string encode(const request& x) {
  json value{{"op", to_string(x.op)}, {"nameHint", x.name_hint}, {"limits", limits_value(x.limits)}};
  if (!x.fault.empty())
    value["fault"] = x.fault;
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

std::string encode(const progress& x) {
  return text({{"fraction", finite(x.fraction)},
               {"speed", finite(x.speed)},
               {"etaMs", x.eta_ms},
               {"frames", x.frames},
               {"outMs", x.out_ms},
               {"bytes", x.bytes},
               {"estimatedBytes", x.estimated_bytes}});
}

result<progress> decode_progress(std::string_view body) {
  return decode<progress>("the progress", body, [](const json& value, progress& x) {
    read(value, "fraction", x.fraction);
    read(value, "speed", x.speed);
    read(value, "etaMs", x.eta_ms);
    read(value, "frames", x.frames);
    read(value, "outMs", x.out_ms);
    read(value, "bytes", x.bytes);
    read(value, "estimatedBytes", x.estimated_bytes);
  });
}

std::string encode(const thumbnail_answer& x) {
  json pictures = json::array();
  for (auto& p : x.pictures)
    pictures.push_back(json{{"width", p.width}, {"height", p.height}, {"bytes", p.bytes}});
  return text({{"pictures", pictures}, {"position", finite(x.position)}});
}

result<thumbnail_answer> decode_thumbnail_answer(std::string_view body) {
  return decode<thumbnail_answer>("the thumbnail answer", body, [](const json& value, thumbnail_answer& x) {
    for (auto& entry : value.at("pictures")) {
      thumbnail_answer::picture p;
      entry.at("width").get_to(p.width);
      entry.at("height").get_to(p.height);
      entry.at("bytes").get_to(p.bytes);
      x.pictures.push_back(p);
    }
    read(value, "position", x.position);
  });
}

std::string encode(const storyboard_answer& x) {
  json sheets = json::array();
  for (auto& s : x.sheets)
    sheets.push_back(
      json{{"name", s.name}, {"width", s.width}, {"height", s.height}, {"bytes", s.bytes}, {"tiles", s.tiles}});
  return text({{"sheets", sheets},
               {"tileWidth", x.tile_width},
               {"tileHeight", x.tile_height},
               {"columns", x.columns},
               {"rows", x.rows},
               {"intervalMs", x.interval_ms},
               {"count", x.count},
               {"vtt", x.vtt},
               {"bif", x.bif}});
}

result<storyboard_answer> decode_storyboard_answer(std::string_view body) {
  return decode<storyboard_answer>("the storyboard answer", body, [](const json& value, storyboard_answer& x) {
    for (auto& entry : value.at("sheets")) {
      storyboard_answer::sheet s;
      entry.at("name").get_to(s.name);
      entry.at("width").get_to(s.width);
      entry.at("height").get_to(s.height);
      entry.at("bytes").get_to(s.bytes);
      entry.at("tiles").get_to(s.tiles);
      x.sheets.push_back(std::move(s));
    }
    value.at("tileWidth").get_to(x.tile_width);
    value.at("tileHeight").get_to(x.tile_height);
    value.at("columns").get_to(x.columns);
    value.at("rows").get_to(x.rows);
    value.at("intervalMs").get_to(x.interval_ms);
    value.at("count").get_to(x.count);
    read(value, "vtt", x.vtt);
    read(value, "bif", x.bif);
  });
}

std::string encode(const transcode_answer& x) {
  return text({{"output", to_value(x.output)},
               {"frames", x.frames},
               {"seconds", finite(x.seconds)},
               {"copied", x.copied},
               {"operation", x.operation},
               {"warnings", x.warnings}});
}

result<transcode_answer> decode_transcode_answer(std::string_view body) {
  return decode<transcode_answer>("the transcode answer", body, [](const json& value, transcode_answer& x) {
    x.output = media_info_from(value.at("output"));
    read(value, "frames", x.frames);
    read(value, "seconds", x.seconds);
    read(value, "copied", x.copied);
    read(value, "operation", x.operation);
    read(value, "warnings", x.warnings);
  });
}

std::string encode(const hls_answer& x) {
  json files = json::array();
  for (auto& f : x.files)
    files.push_back(json{{"name", f.name}, {"bytes", f.bytes}});
  json variants = json::array();
  for (auto& v : x.variants)
    variants.push_back(json{{"width", v.width}, {"height", v.height}, {"bandwidth", v.bandwidth}});
  return text({{"files", files},
               {"variants", variants},
               {"duration", finite(x.duration)},
               {"frames", x.frames},
               {"seconds", finite(x.seconds)},
               {"operation", x.operation},
               {"warnings", x.warnings}});
}

result<hls_answer> decode_hls_answer(std::string_view body) {
  return decode<hls_answer>("the HLS answer", body, [](const json& value, hls_answer& x) {
    for (auto& entry : value.at("files"))
      x.files.push_back({entry.at("name").get<std::string>(), entry.at("bytes").get<uint64_t>()});
    for (auto& entry : value.at("variants"))
      x.variants.push_back(
        {entry.at("width").get<uint32_t>(), entry.at("height").get<uint32_t>(), entry.at("bandwidth").get<int64_t>()});
    read(value, "duration", x.duration);
    read(value, "frames", x.frames);
    read(value, "seconds", x.seconds);
    read(value, "operation", x.operation);
    read(value, "warnings", x.warnings);
  });
}

std::string encode(const plan_chunks_answer& x) {
  json chunks = json::array();
  for (auto& c : x.chunks)
    chunks.push_back(to_value(c));
  return text({{"chunks", chunks}, {"reason", x.reason}});
}

result<plan_chunks_answer> decode_plan_chunks_answer(std::string_view body) {
  return decode<plan_chunks_answer>("the plan", body, [](const json& value, plan_chunks_answer& x) {
    for (auto& entry : value.at("chunks"))
      x.chunks.push_back(media_chunk_from(entry));
    read(value, "reason", x.reason);
  });
}

std::string encode(const encode_chunk_answer& x) {
  return text({{"piece", to_value(x.piece)},
               {"seconds", finite(x.seconds)},
               {"operation", x.operation},
               {"warnings", x.warnings}});
}

result<encode_chunk_answer> decode_encode_chunk_answer(std::string_view body) {
  return decode<encode_chunk_answer>("the answer about a piece", body, [](const json& value, encode_chunk_answer& x) {
    x.piece = chunk_piece_from(value.at("piece"));
    read(value, "seconds", x.seconds);
    read(value, "operation", x.operation);
    read(value, "warnings", x.warnings);
  });
}

std::string encode(const verify_answer& x) {
  return text({{"ok", x.ok}, {"reasons", x.reasons}, {"frames", x.frames}, {"duration", finite(x.duration)}});
}

result<verify_answer> decode_verify_answer(std::string_view body) {
  return decode<verify_answer>("the verify answer", body, [](const json& value, verify_answer& x) {
    value.at("ok").get_to(x.ok);
    read(value, "reasons", x.reasons);
    read(value, "frames", x.frames);
    read(value, "duration", x.duration);
  });
}

std::string encode(const failure& x) {
  return text(failure_value(x));
}

result<failure> decode_failure(std::string_view body) {
  return decode<failure>("the failure", body, [](const json& value, failure& x) { x = failure_from(value); });
}

std::string encode(const open_request& x) {
  return text({{"id", x.id}, {"name", x.name}});
}

result<open_request> decode_open_request(std::string_view body) {
  return decode<open_request>("the wish for an output", body, [](const json& value, open_request& x) {
    value.at("id").get_to(x.id);
    value.at("name").get_to(x.name);
  });
}

std::string encode(const open_answer& x) {
  json value{{"id", x.id}};
  if (x.refusal)
    value["refusal"] = failure_value(*x.refusal);
  return text(value);
}

result<open_answer> decode_open_answer(std::string_view body) {
  return decode<open_answer>("the answer to a wish for an output", body, [](const json& value, open_answer& x) {
    value.at("id").get_to(x.id);
    if (auto it = value.find("refusal"); it != value.end())
      x.refusal = failure_from(*it);
  });
}

bool valid_output_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > max_output_name || name.back() == '/')
    return false;
  int slashes = 0;
  char before = '/';
  for (char c : name) {
    bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    bool starts = before == '/';
    if (!word && (starts || (c != '.' && c != '/' && c != ' ')))
      return false;
    if (before == ' ' && !word)
      return false;
    slashes += c == '/';
    before = c;
  }
  return slashes <= 1 && before != ' ';
}

} // namespace troupe::exec

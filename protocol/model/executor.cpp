#include "protocol/model/executor.hpp"
#include "protocol/model/chunks_codec.hpp"
#include "protocol/model/media_codec.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>

namespace troupe::exec {

using nlohmann::json;

namespace {

constexpr std::array<std::string_view, 9> op_names{
  "probe", "thumbnail", "transcode", "verify", "hls", "plan_chunks", "encode_chunk", "encode_audio", "join"};

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

} // namespace

std::string_view to_string(op what) noexcept {
  return op_names[static_cast<size_t>(what) % op_names.size()];
}

std::string encode(const request& x) {
  json pieces = json::array();
  for (auto& p : x.pieces)
    pieces.push_back(to_value(p));
  return text({{"op", to_string(x.op)},
               {"nameHint", x.name_hint},
               {"widths", x.widths},
               {"profile", to_value(x.profile)},
               {"source", to_value(x.source)},
               {"copied", x.copied},
               {"full", x.full},
               {"frames", x.frames},
               {"wishes", to_value(x.wishes)},
               {"chunk", to_value(x.chunk)},
               {"pieces", pieces},
               {"hasAudio", x.has_audio},
               {"fault", x.fault}});
}

result<request> decode_request(std::string_view body) {
  return decode<request>("the request", body, [](const json& value, request& x) {
    x.op = op_from(value.at("op").get<std::string>());
    read(value, "nameHint", x.name_hint);
    read(value, "widths", x.widths);
    if (auto it = value.find("profile"); it != value.end())
      x.profile = media_profile_from(*it);
    if (auto it = value.find("source"); it != value.end())
      x.source = media_info_from(*it);
    read(value, "copied", x.copied);
    read(value, "full", x.full);
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
      x.variants.push_back({entry.at("width").get<uint32_t>(), entry.at("height").get<uint32_t>(),
                            entry.at("bandwidth").get<int64_t>()});
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
  return text({{"code", to_string(x.code)}, {"class", to_string(x.cls)}, {"message", x.message}});
}

result<failure> decode_failure(std::string_view body) {
  return decode<failure>("the failure", body, [](const json& value, failure& x) {
    x.code = errc_from(value.at("code").get<std::string>());
    x.cls = error_class_from(value.at("class").get<std::string>());
    read(value, "message", x.message);
  });
}

} // namespace troupe::exec

#include "protocol/model/chunks_codec.hpp"
#include "protocol/model/executor_codec.hpp"
#include "protocol/model/media_codec.hpp"

namespace troupe::exec {

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
               {"filmSeconds", finite(x.film_seconds)},
               {"spans", to_value(x.spans)},
               {"empty", x.empty},
               {"operation", x.operation},
               {"warnings", x.warnings},
               {"nothing", x.nothing}});
}

result<transcode_answer> decode_transcode_answer(std::string_view body) {
  return decode<transcode_answer>("the transcode answer", body, [](const json& value, transcode_answer& x) {
    x.output = media_info_from(value.at("output"));
    read(value, "frames", x.frames);
    read(value, "seconds", x.seconds);
    read(value, "copied", x.copied);
    read(value, "filmSeconds", x.film_seconds);
    if (auto it = value.find("spans"); it != value.end())
      x.spans = spans_from(*it);
    read(value, "empty", x.empty);
    read(value, "operation", x.operation);
    read(value, "warnings", x.warnings);
    read(value, "nothing", x.nothing);
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

} // namespace troupe::exec

#include "actors/media/chunk_payloads.hpp"

#include "actors/media/payloads.hpp"
#include "protocol/model/chunks_codec.hpp"
#include "protocol/model/json_codec.hpp"
#include "protocol/model/media_codec.hpp"

namespace troupe::work {

namespace {

using nlohmann::json;

std::string text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Runs what reads with the codecs of the model, which throw for wrong types.
template <class T, class F>
result<T> read(std::string_view from, std::string_view what, F fill) {
  auto doc = parse_json(from, what);
  if (!doc)
    return std::move(doc).error();
  if (!doc->is_object())
    return {errc::validation, std::string{what} + ": must be a JSON object"};
  try {
    T x{};
    if (auto problem = fill(*doc, x); !problem.empty())
      return {errc::validation, std::string{what} + ": " + problem};
    return x;
  } catch (const json::exception& e) {
    return {errc::validation, std::string{what} + ": " + e.what()};
  }
}

} // namespace

std::string encode(const split_film& x) {
  auto chunks = json::array();
  for (auto& c : x.chunks)
    chunks.push_back(to_value(c));
  return text({{"videoId", x.video.str()},
               {"version", x.version.str()},
               {"profile", to_value(x.profile)},
               {"media", to_value(x.media)},
               {"chunks", std::move(chunks)},
               {"rounds", x.rounds},
               {"damaged", x.damaged}});
}

result<split_film> decode_split_film(std::string_view from) {
  return read<split_film>(from, "split film", [](const json& doc, split_film& x) -> std::string {
    auto id = video_id::parse(doc.at("videoId").get<std::string>());
    auto version = parse_version(doc.at("version").get<std::string>());
    if (!id || !version)
      return "videoId and version are needed";
    x.video = *id;
    x.version = *version;
    x.profile = media_profile_from(doc.at("profile"));
    x.media = media_info_from(doc.at("media"));
    for (auto& c : doc.at("chunks"))
      x.chunks.push_back(media_chunk_from(c));
    x.rounds = doc.value("rounds", 1u);
    x.damaged = doc.value("damaged", std::vector<uint32_t>{});
    if (x.chunks.empty() || x.chunks.size() > max_chunks)
      return "must have 1 to " + std::to_string(max_chunks) + " chunks";
    return {};
  });
}

std::string encode_chunk_payload(uint32_t index) {
  return text({{"index", index}});
}

result<uint32_t> decode_chunk_payload(std::string_view from) {
  return read<uint32_t>(from, "chunk payload", [](const json& doc, uint32_t& x) -> std::string {
    if (!object_reader::to_integer(doc.at("index"), x))
      return "index must be a whole number";
    return {};
  });
}

std::string encode(const piece_result& x) {
  json out{{"file", x.file}, {"size", x.size}};
  if (!x.is_sound)
    out["piece"] = to_value(x.piece);
  if (!x.empty.empty())
    out["empty"] = x.empty;
  return text(out);
}

result<piece_result> decode_piece_result(std::string_view from) {
  return read<piece_result>(from, "piece result", [](const json& doc, piece_result& x) -> std::string {
    x.file = doc.at("file").get<std::string>();
    if (!object_reader::to_integer(doc.at("size"), x.size))
      return "size must be a whole number";
    if (auto piece = doc.find("piece"); piece != doc.end())
      x.piece = chunk_piece_from(*piece);
    else
      x.is_sound = true;
    if (auto empty = doc.find("empty"); empty != doc.end())
      x.empty = empty->get<std::vector<uint32_t>>();
    // It becomes part of a path.
    if (x.file.find("..") != std::string::npos || (!x.file.empty() && !x.file.starts_with("pieces/")))
      return "file must be below pieces/";
    return {};
  });
}

std::string pieces_folder(job_id transcode) {
  return "pieces/" + transcode.str();
}

} // namespace troupe::work

#include "media/piece_label.hpp"

#include "media/stream_facts.hpp"
#include "protocol/model/chunks_codec.hpp"

#include <nlohmann/json.hpp>

namespace troupe::media {

namespace {

/// A tag that every mp4 file can have.
constexpr const char* label_tag = "comment";

} // namespace

const media_profile& piece_profile() {
  static const media_profile profile = [] {
    media_profile p;
    p.name = "piece";
    p.container = "mp4";
    p.extension = "mp4";
    p.faststart = false;
    return p;
  }();
  return profile;
}

void write_label(AVFormatContext& format, chunk_piece piece) {
  piece.digest.clear();
  av_dict_set(&format.metadata, label_tag, to_value(piece).dump().c_str(), 0);
}

std::optional<chunk_piece> read_label(const AVFormatContext& format) {
  auto value = nlohmann::json::parse(tag(format.metadata, label_tag), nullptr, false);
  if (!value.is_object() || !value.contains("plan"))
    return std::nullopt;
  try {
    return chunk_piece_from(value);
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

} // namespace troupe::media

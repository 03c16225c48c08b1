#pragma once

// JSON values of the structs of chunks.hpp, with the rules of media_codec.hpp.

#include "protocol/model/chunks.hpp"

#include <nlohmann/json_fwd.hpp>

namespace troupe {

nlohmann::json to_value(const chunk_wishes& x);
chunk_wishes chunk_wishes_from(const nlohmann::json& value);
nlohmann::json to_value(const media_chunk& x);
media_chunk media_chunk_from(const nlohmann::json& value);
nlohmann::json to_value(const chunk_piece& x);
chunk_piece chunk_piece_from(const nlohmann::json& value);

} // namespace troupe

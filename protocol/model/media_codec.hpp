#pragma once

// JSON values of the media structs, for the .cpp files that put them into larger documents. The readers throw
// nlohmann::json::exception on a wrong type: callers turn it into an error at their boundary. Missing fields keep their
// defaults, unknown ones are ignored, so that stored values outlive a change of the structs.

#include "protocol/model/media.hpp"

#include <nlohmann/json_fwd.hpp>

namespace troupe {

nlohmann::json to_value(const media_info& x);
media_info media_info_from(const nlohmann::json& value);
nlohmann::json to_value(const media_profile& x);
media_profile media_profile_from(const nlohmann::json& value);

} // namespace troupe

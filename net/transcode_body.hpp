#pragma once

#include "net/json_body.hpp"

namespace troupe::net {

/// How a client wants a video transcoded: {profile} by name, or {container,videoCodec,…} with what differs from the
/// defaults of media_profile. The payload's "profile" as JSON; every bad field is noted in `body`.
std::string transcode_profile(json_body& body);

} // namespace troupe::net

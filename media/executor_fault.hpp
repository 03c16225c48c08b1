#pragma once

#include "protocol/model/result.hpp"

#include <string>

namespace troupe::media {

/// Misbehaves as a hostile file might make libav do: "abort" ends by SIGABRT, "hang" never returns and hears no
/// cancel, "bloat" takes memory until it may not have more, then aborts. errc::protocol for another name.
result<void> run_fault(const std::string& name);

} // namespace troupe::media

#pragma once

#include "media/task.hpp"

#include <string>

namespace troupe::media {

/// Misbehaves as a hostile file might make libav do: "abort" ends by SIGABRT, "hang" never returns and hears no
/// cancel, "bloat" takes memory until it may not have more, then aborts. "outputs" asks for two files from two threads
/// and writes its name into each; "outputs-PATH" asks for that one. errc::protocol for another name.
result<void> run_fault(const std::string& name, const task& job);

} // namespace troupe::media

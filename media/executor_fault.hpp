#pragma once

#include "media/task.hpp"

#include <string>

namespace troupe::media {

/// Misbehaves as a hostile file might make libav do: "abort" ends by SIGABRT, "hang" never returns and hears no
/// cancel, "bloat" takes memory until it may not have more, then aborts. "outputs" asks for two files from two threads
/// and writes its name into each; "outputs-PATH" asks for that one. "escape-WAY" tries to get out of the sandbox:
/// errc::forbidden when it was refused, errc::internal when it got out (the process may be killed instead). "spin" uses
/// up processor time and hears a cancel, "spin-deaf" does not. errc::protocol for another name.
result<void> run_fault(const std::string& name, const task& job);

} // namespace troupe::media

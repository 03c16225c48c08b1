#pragma once

#include "nodes/config/settings.hpp"

#include <string>
#include <vector>

namespace troupe::cli {

enum class verdict : uint8_t { ok, warn, fail };

/// One check of `troupe doctor`.
struct finding {
  std::string name;
  verdict what = verdict::ok;
  /// What there is, or what is wrong and what to do.
  std::string text;
};

/// What a node with these settings needs of this machine: folder, space, database, Redis, yt-dlp, the executor with its
/// libraries and its sandbox, ports. Blocks, some seconds at most for each that does not answer.
std::vector<finding> check_machine(const config::settings& x, bool node_answers);

} // namespace troupe::cli

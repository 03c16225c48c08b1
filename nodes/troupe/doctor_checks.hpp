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
/// libraries and its sandbox, ports: what its roles use. Blocks, some seconds at most for each that does not answer.
std::vector<finding> check_machine(const config::settings& x, bool node_answers);

/// What it needs of other machines: a certificate that is valid, its coordinator, what worker.mounts names. Nothing for
/// a node that is alone. Blocks, some seconds at most for each that does not answer.
std::vector<finding> check_surroundings(const config::settings& x);

} // namespace troupe::cli

#pragma once

// TOML file < environment < command line. All problems are told at once, each with its place and what is allowed.

#include "nodes/config/settings.hpp"
#include "protocol/model/result.hpp"

#include <utility>

namespace troupe::config {

struct sources {
  /// Path of a TOML file; empty: none.
  std::string file;
  /// NAME, VALUE. TROUPE__SECTION__KEY, its _FILE form for secrets, and the plain variables of contract.md (PORT,
  /// LOG_LEVEL, REDIS_URL, REDIS_HOST, REDIS_PORT, DATABASE_URL, FRONTEND_URL, SOFATHEK_DATA_PATH, TEMP_DIR), which
  /// give way to the former. Other names are not looked at; empty values count as not set.
  std::vector<std::pair<std::string, std::string>> environment;
  /// "section.key=value" of --set.
  std::vector<std::string> overrides;
};

/// errc::validation: `message` has a line for each problem ("trouped.toml:12: gateway.port must be …"), `fields` the
/// same as place → reason. Secrets are in neither.
result<settings> load(const sources& from);

/// The environment of this process.
std::vector<std::pair<std::string, std::string>> process_environment();

/// Present values as a TOML file that can be loaded again, secrets masked.
std::string show(const settings& x);
/// cluster-config/trouped.toml: every key with its comment and its default.
std::string reference();

} // namespace troupe::config

#pragma once

#include "nodes/config/toml.hpp"
#include "protocol/model/media.hpp"

namespace troupe::config {

/// Reads [[profiles]] of a file. A profile begins with the one that `base` names (built-in, or before it in the file),
/// else with the built-in one of its own name, else with nothing; what is wrong goes to `problems`.
std::vector<media_profile> read_profiles(const std::string& file, const toml::node& node, problem_list& problems);

/// As [[profiles]] of a file, every field.
std::string to_toml(const media_profile& x);

} // namespace troupe::config

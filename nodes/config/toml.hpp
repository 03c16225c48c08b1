#pragma once

// toml++ with errors as values: no exception leaves the parser. For the .cpp files that read a file.

#include "nodes/config/fields.hpp"
#include "nodes/config/problems.hpp"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace troupe::config {

inline place place_of(const std::string& file, const toml::source_region& where) {
  return {file + ":" + std::to_string(where.begin.line), where.begin.line};
}

} // namespace troupe::config

#pragma once

#include "nodes/troupe/connection.hpp"

namespace troupe::cli {

/// Adds a folder (its path is made absolute); throws failure when it is no folder.
library add_library(session& s, library what);
/// The library of that folder, added if there is none yet.
library ensure_library(session& s, library what);

/// Scans the library and follows the work live to its end; then prints what was found, made and what failed, why.
/// failed when anything but damaged files failed.
exit_code scan_and_follow(session& s, const library& home);

} // namespace troupe::cli

#pragma once

#include "protocol/model/ids.hpp"
#include "protocol/model/result.hpp"

#include <string>

namespace troupe::catalogue {

/// Payload of a `scan` job.
struct scan_payload {
  scan_id scan;
  library_id library;
  /// Absolute path of the library's root as the coordinator sees it.
  std::string root;
};

std::string encode(const scan_payload& x);
result<scan_payload> decode_scan_payload(std::string_view json);

} // namespace troupe::catalogue

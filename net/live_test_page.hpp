#pragma once

#include <string>

namespace troupe::net {

/// The page of /ws/jobs/test.
const std::string& live_test_page();
/// Base64 of the SHA-256 of its script, for its Content-Security-Policy.
const std::string& live_test_script_hash();

} // namespace troupe::net

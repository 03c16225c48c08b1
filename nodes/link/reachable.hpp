#pragma once

#include "protocol/model/result.hpp"
#include "protocol/model/time.hpp"
#include "protocol/ports/fd.hpp"

#include <string>

namespace troupe::node {

/// A connection to HOST:PORT: looks the name up afresh and tries each of its addresses within the limit. The socket
/// does not block. errc::unavailable says what was tried. Blocks; any thread.
result<unique_fd> connect_within(const std::string& host, uint16_t port, milliseconds limit);

/// Whether somebody accepts connections there.
result<void> reachable(const std::string& host, uint16_t port, milliseconds limit);

} // namespace troupe::node

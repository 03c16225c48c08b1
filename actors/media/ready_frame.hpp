#pragma once

// The two small bodies that executors send and the model has no struct for (protocol/model/executor.hpp: ready, log).

#include "protocol/model/result.hpp"

namespace troupe::work {

/// The protocol version that a `ready` names.
result<uint32_t> read_ready(std::string_view body);
/// The line of a `log`.
result<std::string> read_log_line(std::string_view body);

} // namespace troupe::work

#pragma once

// The small body that executors send and the model has no struct for (protocol/model/executor.hpp: log).

#include "protocol/model/result.hpp"

namespace troupe::work {

/// The line of a `log`.
result<std::string> read_log_line(std::string_view body);

} // namespace troupe::work

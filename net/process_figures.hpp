#pragma once

#include <string>
#include <string_view>

namespace troupe::net {

/// One metric without labels in the exposition format, with HELP and TYPE.
void append_metric(std::string& out, std::string_view name, std::string_view type, std::string_view help, double value);

/// The process_* metrics that client libraries agree on, from /proc/self.
void append_process_figures(std::string& out);

} // namespace troupe::net

#pragma once

// W3C Trace Context, level 1: the traceparent header "00-<trace id>-<parent id>-<flags>", and how a log line names what
// caused it.

#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// The header's value as we pass it on, or nullopt when it is not valid: wrong length, upper case, all-zero ids or
/// version ff (3.2.2). A later version is read by the rules of this one and passed on as version 00 with the one flag
/// that it defines (3.2.4, 4.3).
std::optional<std::string> accept_traceparent(std::string_view value);

/// For a request that came without one: new ids, not sampled. Thread safe.
std::string new_traceparent();

/// The 32 hexadecimal digits of the trace; empty when the text is no traceparent.
std::string_view trace_id_of(std::string_view traceparent) noexcept;

/// " [request=ID trace=TRACE]", for the end of a log line; the logger makes fields of it. Without the parts that are
/// empty, empty without both.
std::string log_mark(std::string_view request_id, std::string_view traceparent);

} // namespace troupe

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace troupe::media {

/// Takes libav's log over for the whole process: lines of level warning and above are kept (newest 64, equal ones
/// once, addresses removed) and given to the sink, at most 20 a second. Any thread may log; the sink is called on
/// the thread that logs, one at a time.
namespace log_capture {

void install(std::function<void(const std::string&)> sink);
/// Forgets the kept lines: a new operation begins.
void clear();
/// The kept lines, oldest first, at most `limit`.
std::vector<std::string> lines(size_t limit = 32);
/// The newest kept line, or an empty string.
std::string last();
/// Whether a kept line says that memory ran out. Some decoders tell it to the log only, and report a damaged packet.
bool ran_out_of_memory();
/// Whether a line of this operation contains the word.
bool mentions(std::string_view word);

} // namespace log_capture
} // namespace troupe::media

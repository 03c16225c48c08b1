#pragma once

namespace troupe::media {

/// Small files about the machine that encoders and the C library read when they need them, not before: how many
/// processors there are, how memory is given out. They are read here once, before the sandbox is entered, and handed
/// out from memory afterwards; /dev/urandom is random each time. Call once, before other threads run.
void read_known_files();

/// A new descriptor on what such a file held, at its beginning; -1 for any other path. Async-signal-safe.
int open_known_file(const char* path) noexcept;

} // namespace troupe::media

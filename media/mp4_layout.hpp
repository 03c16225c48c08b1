#pragma once

namespace troupe::media {

/// Whether a file of the mp4 family has its index (moov) before its data (mdat), so that a player can start before it
/// has all. Walks the top-level boxes of ISO/IEC 14496-12, section 4.2. False for anything else.
bool moov_comes_first(int fd) noexcept;

} // namespace troupe::media

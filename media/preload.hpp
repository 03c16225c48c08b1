#pragma once

namespace troupe::media {

/// Does what libraries put off until they first need it, as far as it takes files: after the sandbox is entered there
/// are none. Local time becomes UTC, for the zone's file could not be read (nothing in media depends on the zone).
/// Call once, before other threads run.
void preload();

} // namespace troupe::media

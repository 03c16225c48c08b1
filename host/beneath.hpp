#pragma once

// Files that somebody else names: what is opened stays below a root, whatever symbolic links are there. All other calls
// of ports::files take paths of this node's own making, and follow the links of their folders.

#include "protocol/model/result.hpp"
#include "protocol/ports/files.hpp"

#include <string>

namespace troupe::host {

/// How a path is followed. `kernel`: by openat2 (Linux 5.6), links that stay below the root are followed. `by_hand`: a
/// link on the way is refused, wherever it leads; what `kernel` becomes on a kernel, or in a container, without
/// openat2.
enum class following { kernel, by_hand };

/// A regular file below `root` for reading. `path`: relative, without empty, "." or ".." parts. `root` may be, or be
/// reached by, a link. Blocks. errc::unprocessable with what to do for what is never served: behind a link that leads
/// out of the root, itself a link (as ports::files::open_source refuses it), or no regular file; errc::not_found,
/// errc::forbidden (the rights of this user), errc::io as there.
result<ports::opened_file> open_beneath(const std::string& root, const std::string& path,
                                        following how = following::kernel);

/// The same, only to look.
result<file_version> version_beneath(const std::string& root, const std::string& path,
                                     following how = following::kernel);

/// That what is made under this name lands below `root`: no folder on the way, as far as they are there, leads out of
/// it. Holds while nobody else makes links in the root. Errors as above.
result<void> check_beneath(const std::string& root, const std::string& path, following how = following::kernel);

} // namespace troupe::host

#pragma once

#include <string>
#include <string_view>

namespace troupe {

/// Text for outside clients: of every absolute path only the last name is left ("/srv/films/a b.mkv: not media" becomes
/// "a b.mkv: not media"), because messages may hold no paths of the server (contract.md, "Rules"). A path begins with a
/// slash at the start of a word; paths of the API ("/api/…") and URLs stay. Where a path ends can't be known for sure,
/// since names may hold spaces: in doubt more is left out, never less.
std::string without_folders(std::string_view text);

} // namespace troupe

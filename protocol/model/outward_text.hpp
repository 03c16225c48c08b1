#pragma once

#include <string>
#include <string_view>

namespace troupe {

/// Text for outside clients: of every absolute path only the last name is left ("/srv/films/a b.mkv: not media" becomes
/// "a b.mkv: not media"), because messages may hold no paths of the server (contract.md, "Rules"). A path begins with a
/// slash at the start of a word; paths of the API ("/api/…") and URLs stay. Where a path ends can't be known for sure,
/// since names may hold spaces: in doubt more is left out, never less.
std::string without_folders(std::string_view text);

/// The same for every string in a JSON text (payloads and results hold the paths that workers open): what it means
/// otherwise stays. Anything but valid JSON is taken as one text.
std::string json_without_folders(std::string_view json);

} // namespace troupe

#include "net/hls_master.hpp"

#include <algorithm>

namespace troupe::net {

std::string master_below(std::string_view playlist, std::string_view folder) {
  constexpr std::string_view attribute = "URI=\"";
  std::string out;
  while (!playlist.empty()) {
    auto line = playlist.substr(0, std::min(playlist.find('\n'), playlist.size() - 1) + 1);
    playlist.remove_prefix(line.size());
    auto at = line.starts_with('#') ? line.find(attribute) : size_t{0};
    if (line.starts_with('#') && at != std::string_view::npos)
      at += attribute.size();
    // Tags without an address, and empty lines.
    if (at >= line.size() || line[at] == '\n' || line[at] == '\r') {
      out += line;
      continue;
    }
    out.append(line.substr(0, at)).append(folder).append("/").append(line.substr(at));
  }
  return out;
}

} // namespace troupe::net

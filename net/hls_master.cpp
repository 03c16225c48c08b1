#include "net/hls_master.hpp"

#include "protocol/model/playlist.hpp"

#include <algorithm>

namespace troupe::net {

std::string master_below(std::string_view playlist, std::string_view folder) {
  std::string out;
  while (!playlist.empty()) {
    auto line = playlist.substr(0, std::min(playlist.find('\n'), playlist.size() - 1) + 1);
    playlist.remove_prefix(line.size());
    auto name = line.starts_with('#') ? uri_attribute(line) : line.substr(0, line.find_first_of("\r\n"));
    // Tags without an address, and empty lines.
    if (name.empty()) {
      out += line;
      continue;
    }
    auto at = static_cast<size_t>(name.data() - line.data());
    out.append(line.substr(0, at)).append(folder).append("/").append(line.substr(at));
  }
  return out;
}

} // namespace troupe::net

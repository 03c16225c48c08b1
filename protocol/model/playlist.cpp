#include "protocol/model/playlist.hpp"

namespace troupe {

std::string_view uri_attribute(std::string_view tag) noexcept {
  auto begin = tag.find(':');
  while (begin < tag.size()) {
    auto name = tag.substr(begin + 1, tag.find('=', begin) - begin - 1);
    auto value = begin + 1 + name.size() + 1;
    if (value >= tag.size())
      return {};
    if (tag[value] != '"') {
      begin = tag.find(',', value);
      continue;
    }
    auto end = tag.find('"', value + 1);
    if (end == std::string_view::npos)
      return {};
    if (name == "URI")
      return tag.substr(value + 1, end - value - 1);
    begin = tag.find(',', end);
  }
  return {};
}

} // namespace troupe

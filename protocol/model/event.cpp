#include "protocol/model/event.hpp"

#include "protocol/model/json_writer.hpp"

namespace troupe {

std::string to_json(const event& x) {
  object_writer head;
  head.text("type", x.type).text("topic", x.topic).number("epoch", x.epoch).number("seq", x.seq);
  head.time("timestamp", x.at);
  auto out = std::move(head).str();
  // `data` was built by our own writer, so its fields are spliced in unread: an event goes to a thousand clients.
  std::string_view data = x.data;
  auto first = data.find_first_not_of(" \t\r\n");
  auto last = data.find_last_not_of(" \t\r\n");
  if (first == std::string_view::npos || data[first] != '{' || data[last] != '}' || last <= first)
    return out;
  auto fields = data.substr(first + 1, last - first - 1);
  if (fields.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return out;
  out.back() = ',';
  out.reserve(out.size() + fields.size() + 1);
  out += fields;
  out += '}';
  return out;
}

} // namespace troupe

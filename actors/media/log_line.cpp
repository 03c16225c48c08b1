#include "actors/media/log_line.hpp"

#include "protocol/model/json_codec.hpp"

namespace troupe::work {

result<std::string> read_log_line(std::string_view body) {
  auto doc = parse_json(body, "log line");
  if (!doc)
    return std::move(doc).error();
  std::string line;
  object_reader in{*doc, "log line"};
  in.read("line", line);
  return in.finish(std::move(line));
}

} // namespace troupe::work

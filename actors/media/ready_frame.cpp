#include "actors/media/ready_frame.hpp"

#include "protocol/model/json_codec.hpp"

namespace troupe::work {

result<uint32_t> read_ready(std::string_view body) {
  auto doc = parse_json(body, "ready");
  if (!doc)
    return std::move(doc).error();
  uint32_t version = 0;
  object_reader in{*doc, "ready"};
  in.read("version", version);
  return in.finish(version);
}

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

#include "nodes/logging/logging.hpp"

#include "protocol/model/json_writer.hpp"

namespace troupe::logging {

namespace {

/// "cache" of "cache: the second level …"; empty when the text does not start like that.
std::string_view take_part(std::string_view& text) {
  auto end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-");
  if (end == 0 || end == std::string_view::npos || end > 32 || text.substr(end, 2) != ": ")
    return {};
  auto part = text.substr(0, end);
  text.remove_prefix(end + 2);
  return part;
}

std::string_view take_request(std::string_view& text) {
  constexpr std::string_view mark = " [request=";
  auto start = text.rfind(mark);
  if (start == std::string_view::npos || text.back() != ']')
    return {};
  auto id = text.substr(start + mark.size(), text.size() - start - mark.size() - 1);
  text = text.substr(0, start);
  return id;
}

} // namespace

std::string json_line(int64_t unix_ms, std::string_view level, std::string_view node, uint64_t thread,
                      std::string_view text) {
  auto part = take_part(text);
  auto request = take_request(text);
  object_writer out;
  out.time("time", from_ms(unix_ms)).text("level", level).text("node", node).number("thread", thread);
  if (!part.empty())
    out.text("part", part);
  out.text("message", text);
  if (!request.empty())
    out.text("requestId", request);
  return std::move(out).str();
}

} // namespace troupe::logging

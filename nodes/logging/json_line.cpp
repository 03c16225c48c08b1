#include "nodes/logging/logging.hpp"

#include "protocol/model/json_writer.hpp"

#include <algorithm>

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

/// What caused the line: troupe::log_mark's "[request=… trace=…]" at its end.
struct cause {
  std::string_view request;
  std::string_view trace;
};

/// The word behind `name`, to the next blank or the end; empty when `mark` does not go on with it.
std::string_view take_word(std::string_view& mark, std::string_view name) {
  if (!mark.starts_with(name))
    return {};
  mark.remove_prefix(name.size());
  auto word = mark.substr(0, mark.find(' '));
  mark.remove_prefix(std::min(mark.size(), word.size() + 1));
  return word;
}

cause take_cause(std::string_view& text) {
  constexpr std::string_view start = " [";
  auto at = text.rfind(start);
  if (at == std::string_view::npos || text.back() != ']')
    return {};
  auto mark = text.substr(at + start.size(), text.size() - at - start.size() - 1);
  cause out;
  out.request = take_word(mark, "request=");
  out.trace = take_word(mark, "trace=");
  // Something else in brackets belongs to the message.
  if (!mark.empty() || (out.request.empty() && out.trace.empty()))
    return {};
  text = text.substr(0, at);
  return out;
}

} // namespace

std::string json_line(int64_t unix_ms, std::string_view level, std::string_view node, uint64_t thread,
                      std::string_view text) {
  auto part = take_part(text);
  auto caused_by = take_cause(text);
  object_writer out;
  out.time("time", from_ms(unix_ms)).text("level", level).text("node", node).number("thread", thread);
  if (!part.empty())
    out.text("part", part);
  out.text("message", text);
  if (!caused_by.request.empty())
    out.text("requestId", caused_by.request);
  if (!caused_by.trace.empty())
    out.text("traceId", caused_by.trace);
  return std::move(out).str();
}

} // namespace troupe::logging

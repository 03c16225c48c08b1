#define CAF_SUITE logging

#include "nodes/logging/logging.hpp"

#include "protocol/model/trace.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <nlohmann/json.hpp>

using namespace troupe;

namespace {

nlohmann::json line(std::string_view text) {
  auto out = logging::json_line(1700000000123, "info", "node-1", 7, text);
  CAF_CHECK(out.find('\n') == std::string::npos);
  return nlohmann::json::parse(out, nullptr, false);
}

} // namespace

CAF_TEST(part and request id become fields) {
  auto x = line("cache: the value is gone [request=abc-1]");
  CAF_CHECK_EQUAL(x["time"], "2023-11-14T22:13:20.123Z");
  CAF_CHECK_EQUAL(x["part"], "cache");
  CAF_CHECK_EQUAL(x["message"], "the value is gone");
  CAF_CHECK_EQUAL(x["requestId"], "abc-1");
  CAF_CHECK_EQUAL(x["thread"], 7);
}

CAF_TEST(the trace that caused a line becomes a field) {
  auto trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  auto both = line("dispatcher: job 1 failed" + log_mark("r-1", "00-" + std::string{trace} + "-00f067aa0ba902b7-01"));
  CAF_CHECK_EQUAL(both["message"], "job 1 failed");
  CAF_CHECK_EQUAL(both["requestId"], "r-1");
  CAF_CHECK_EQUAL(both["traceId"], trace);
  auto only = line("x: y" + log_mark("", "00-" + std::string{trace} + "-00f067aa0ba902b7-01"));
  CAF_CHECK_EQUAL(only["traceId"], trace);
  CAF_CHECK(!only.contains("requestId"));
  auto none = line("x: y" + log_mark("", "nonsense"));
  CAF_CHECK_EQUAL(none["message"], "y");
  auto other = line("x: took [1 of 2]");
  CAF_CHECK_EQUAL(other["message"], "took [1 of 2]");
}

CAF_TEST(any text is one line of JSON) {
  for (std::string_view text : {"", ": ", "x", "a: ", "Upper: x", "a b: c", "]", " [request=]", "cache: \xFF\n\"",
                                "[request=x", "http://x: y"}) {
    auto x = line(text);
    CAF_CHECK(x.is_object());
    CAF_CHECK(x.contains("message"));
  }
  CAF_CHECK(!line("a b: c").contains("part"));
  CAF_CHECK(!line("x [request=1").contains("requestId"));
}

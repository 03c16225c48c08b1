#define CAF_SUITE model.trace

#include "protocol/model/trace.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <set>

using namespace troupe;

namespace {

// The example of the specification.
const std::string example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::string accepted(std::string_view value) {
  return accept_traceparent(value).value_or("refused");
}

} // namespace

CAF_TEST(a valid traceparent is passed on as it is) {
  CAF_CHECK_EQUAL(accepted(example), example);
  CAF_CHECK_EQUAL(trace_id_of(example), "4bf92f3577b34da6a3ce929d0e0e4736");
  // Flags that this version does not define are passed on.
  CAF_CHECK_EQUAL(accepted("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff").substr(53), "ff");
}

CAF_TEST(malformed ones are refused) {
  for (std::string_view bad : {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                               "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-",
                               "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
                               "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                               "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                               "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                               "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                               "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                               "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                               "00-4bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b7--01",
                               "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
                               " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                               "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                               "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n",
                               "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more"}) {
    CAF_CHECK_EQUAL(accepted(bad), "refused");
    CAF_CHECK(trace_id_of(bad).empty());
  }
  CAF_CHECK_EQUAL(accepted(std::string(100'000, '0')), "refused");
}

CAF_TEST(a later version is read by the rules of this one) {
  CAF_CHECK_EQUAL(accepted("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), example);
  CAF_CHECK_EQUAL(accepted("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-what-else"), example);
  CAF_CHECK_EQUAL(accepted("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe").substr(53), "00");
}

CAF_TEST(new ones are valid and differ) {
  std::set<std::string> traces;
  for (int i = 0; i < 1000; ++i) {
    auto made = new_traceparent();
    CAF_CHECK_EQUAL(accepted(made), made);
    traces.insert(std::string{trace_id_of(made)});
  }
  CAF_CHECK_EQUAL(traces.size(), 1000u);
}

CAF_TEST(the mark of a log line) {
  CAF_CHECK_EQUAL(log_mark("r1", example), " [request=r1 trace=4bf92f3577b34da6a3ce929d0e0e4736]");
  CAF_CHECK_EQUAL(log_mark("r1", ""), " [request=r1]");
  CAF_CHECK_EQUAL(log_mark("", example), " [trace=4bf92f3577b34da6a3ce929d0e0e4736]");
  CAF_CHECK_EQUAL(log_mark("", "x"), "");
}

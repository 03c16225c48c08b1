#define CAF_SUITE cli.format

#include "nodes/troupe/format.hpp"
#include "nodes/troupe/event_view.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <cmath>
#include <random>

using namespace troupe;
using namespace troupe::cli;

CAF_TEST(durations have at most two units) {
  auto text = [](int64_t ms) { return format_duration(milliseconds{ms}); };
  CAF_CHECK_EQUAL(text(0), "0ms");
  CAF_CHECK_EQUAL(text(999), "999ms");
  CAF_CHECK_EQUAL(text(1000), "1s");
  CAF_CHECK_EQUAL(text(192'000), "3m12s");
  CAF_CHECK_EQUAL(text(7'500'000), "2h5m");
  CAF_CHECK_EQUAL(text(3'600'000), "1h");
  CAF_CHECK_EQUAL(text(273'600'000), "3d4h");
  CAF_CHECK_EQUAL(text(-5), "-");
}

CAF_TEST(ages have one unit) {
  auto now = from_ms(1'000'000'000'000);
  auto age = [&](int64_t ms) { return format_age(now - milliseconds{ms}, now); };
  CAF_CHECK_EQUAL(age(45'000), "45s");
  CAF_CHECK_EQUAL(age(90 * 60'000), "1h");
  CAF_CHECK_EQUAL(age(9 * 86'400'000ll), "9d");
  CAF_CHECK_EQUAL(age(-10'000), "0s");
  CAF_CHECK_EQUAL(format_age({}, now), "-");
}

CAF_TEST(sizes) {
  CAF_CHECK_EQUAL(format_bytes(0), "0 B");
  CAF_CHECK_EQUAL(format_bytes(1023), "1023 B");
  CAF_CHECK_EQUAL(format_bytes(1536), "1.5 KiB");
  CAF_CHECK_EQUAL(format_bytes((1ull << 20) - 1), "1.0 MiB");
  CAF_CHECK_EQUAL(format_bytes(UINT64_MAX), "16.0 EiB");
}

CAF_TEST(lengths of films) {
  CAF_CHECK_EQUAL(format_length(247), "4:07");
  CAF_CHECK_EQUAL(format_length(3723.4), "1:02:03");
  for (double x : {0.0, -1.0, std::nan(""), HUGE_VAL, 1e300})
    CAF_CHECK_EQUAL(format_length(x), "-");
}

CAF_TEST(names of files can not steer the terminal) {
  CAF_CHECK_EQUAL(printable("a\x1b[31mb\nc\x7f"), "a?[31mb?c?");
  CAF_CHECK_EQUAL(printable("b\xC2\x9Bx"), "b?x");
  CAF_CHECK_EQUAL(printable("\xFFx\xE2\x80"), "?x??");
  CAF_CHECK_EQUAL(printable("a\xE2\x80\xAE"
                            "b"),
                  "a?b");
  CAF_CHECK_EQUAL(printable("Amélie 千と千尋"), "Amélie 千と千尋");
}

CAF_TEST(widths count columns and not bytes) {
  CAF_CHECK_EQUAL(display_width("abc"), 3u);
  CAF_CHECK_EQUAL(display_width("ü"), 1u);
  CAF_CHECK_EQUAL(display_width("千と"), 4u);
  CAF_CHECK_EQUAL(display_width("e\xCC\x81"), 1u);
  CAF_CHECK_EQUAL(shorten("千と千尋", 5), "千と…");
  CAF_CHECK_EQUAL(shorten("abc", 3), "abc");
  CAF_CHECK_EQUAL(shorten("abcd", 3), "ab…");
  CAF_CHECK_EQUAL(shorten("abcd", 0), "");
}

CAF_TEST(cutting never makes text wider than asked) {
  for (uint64_t seed = 0; seed < 5000; ++seed) {
    std::mt19937_64 rng{seed};
    std::string text(rng() % 40, ' ');
    for (auto& c : text)
      c = static_cast<char>(rng());
    auto width = rng() % 20;
    if (display_width(shorten(printable(text), width)) > width)
      CAF_FAIL("seed " << seed);
  }
}

CAF_TEST(a table is aligned and fits) {
  table t{{"NAME", "TITLE", "AGE"}};
  t.row({"a", "short", "1s"});
  t.row({"bbb", "a title that is much too long for the line", ""});
  CAF_CHECK_EQUAL(t.render(0), "NAME  TITLE                                       AGE\n"
                               "a     short                                       1s\n"
                               "bbb   a title that is much too long for the line  -\n");
  CAF_CHECK_EQUAL(t.render(24), "NAME  TITLE          AGE\n"
                                "a     short          1s\n"
                                "bbb   a title that…  -\n");
  // Narrower than the headers: still whole words there, nothing loops.
  CAF_CHECK(t.render(5).starts_with("NAME  TITLE"));
  CAF_CHECK(table{{"A"}}.empty());
}

CAF_TEST(progress) {
  CAF_CHECK_EQUAL(progress_bar(0.5, "encode", "2.1x", 0), "encode [############            ] 50.0%  2.1x");
  CAF_CHECK_EQUAL(progress_text(0.457, "encode", ""), "45.7% encode");
  CAF_CHECK_EQUAL(progress_text(std::nan(""), "x", ""), "0.0% x");
  CAF_CHECK_EQUAL(progress_text(9, "x", "d"), "100.0% x, d");
  CAF_CHECK(display_width(progress_bar(1, "a very long label", "a very long detail", 30)) <= 30);
}

CAF_TEST(events of jobs are read) {
  event e;
  e.topic = "jobs";
  e.type = "job_progress";
  job_id id{{1, 2}};
  e.data = "{\"jobId\":\"" + id.str()
           + "\",\"progress\":45.5,\"stage\":\"encode\",\"counters\":{\"speed\":2100,\"etaMs\":12500}}";
  auto x = read_job_event(e);
  CAF_REQUIRE(x.has_value());
  CAF_CHECK(x->job == id);
  CAF_CHECK_EQUAL(x->fraction, 0.455);
  CAF_CHECK(!x->terminal);
  CAF_CHECK_EQUAL(progress_detail(*x), "2.1x, 12s left");
  e.data = "{\"jobId\":\"" + id.str()
           + "\",\"message\":\"1 of 3 parts done\",\"counters\":{\"speed\":2100,\"parts\":3,\"partsDone\":1}}";
  CAF_CHECK_EQUAL(read_job_event(e)->parts_done, 1);
  CAF_CHECK_EQUAL(progress_detail(*read_job_event(e)), "2.1x, 1 of 3 parts done");
  e.type = "job_failed";
  CAF_CHECK(read_job_event(e)->terminal);
  e.type = "job_update";
  e.data = "{\"jobId\":\"" + id.str() + "\",\"status\":\"cancelled\"}";
  CAF_CHECK(read_job_event(e)->terminal);
  e.data = "{}";
  CAF_CHECK(!read_job_event(e));
  e.topic = "job:" + id.str();
  CAF_CHECK(read_job_event(e).has_value());
  for (auto bad : {"", "{", "[]", "null", "{\"jobId\":7}"}) {
    e.topic = "jobs";
    e.data = bad;
    CAF_CHECK(!read_job_event(e));
  }
}

CAF_TEST(an event is one printable line) {
  event e;
  e.topic = "library:x\n";
  e.type = "library_update";
  e.at = from_ms(1700000000123);
  e.data = "{\"a\":\"\x1b[0m\"}";
  auto line = event_line(e);
  CAF_CHECK(line.find('\n') == std::string::npos);
  CAF_CHECK(line.find('\x1b') == std::string::npos);
  CAF_CHECK(line.starts_with("2023-11-14T22:13:20.123Z  library:x?  library_update"));
  e.topic = "jobs";
  e.type = "job_started";
  e.data = R"({"jobId":"01hf0000000000000000000001","kind":"transcode"})";
  CAF_CHECK_EQUAL(event_line(e), "2023-11-14T22:13:20.123Z  jobs  job_started  01hf0000000000000000000001  transcode");
}

#define CAF_SUITE model.json.stored

#include "protocol/model/json.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdlib>
#include <random>

using namespace troupe;

namespace {

uint64_t env_number(const char* name, uint64_t fallback) {
  auto* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : fallback;
}

template <class F>
void for_seeds(uint64_t count, F f) {
  if (std::getenv("TROUPE_SEED"))
    return f(env_number("TROUPE_SEED", 0));
  for (uint64_t seed = 0; seed < env_number("TROUPE_SEEDS", count); ++seed)
    f(seed);
}

struct maker {
  explicit maker(uint64_t seed) : rng(seed) {
  }
  uint64_t below(uint64_t n) {
    return rng() % n;
  }
  /// Valid UTF-8 with what needs care: quotes, controls, NUL, and sequences of every length.
  std::string text() {
    static const std::vector<std::string> parts{"a",
                                                "\"",
                                                "\\",
                                                "\n",
                                                "\x01",
                                                "\x7f",
                                                "/",
                                                "ü",
                                                "\xE2\x82\xAC",
                                                "\xF0\x9F\x8E\xAC",
                                                "{\"x\":1}",
                                                std::string(1, '\0'),
                                                "\t",
                                                "\r",
                                                "0",
                                                "\xEF\xBF\xBF"};
    std::string out;
    for (auto n = below(12); n > 0; --n)
      out += parts[below(parts.size())];
    return out;
  }
  std::string bytes() {
    std::string out(below(40), ' ');
    for (auto& c : out)
      c = static_cast<char>(rng());
    return out;
  }
  timestamp time() {
    return below(4) == 0 ? timestamp{} : from_ms(static_cast<int64_t>(1 + below(250'000'000'000'000)));
  }
  int64_t whole() {
    constexpr int64_t edges[] = {0, -1, INT64_MAX, INT64_MIN, 1};
    return below(2) ? edges[below(5)] : static_cast<int64_t>(rng());
  }
  error failure() {
    if (below(3) == 0)
      return {errc::none, {}};
    error x{static_cast<errc>(1 + below(static_cast<uint64_t>(errc::last))), text()};
    for (auto n = below(3); n > 0; --n)
      x.fields.emplace_back(text(), text());
    x.retry_after = milliseconds{below(100000)};
    return x;
  }
  attempt_record attempt() {
    attempt_record x;
    x.number = static_cast<uint32_t>(rng());
    x.worker = text();
    x.started = time();
    x.ended = time();
    x.end = static_cast<attempt_end>(below(5));
    x.cls = static_cast<error_class>(below(4));
    x.failure = failure();
    x.operation = text();
    x.log_tail = text();
    return x;
  }
  job_progress progress() {
    job_progress x;
    x.fraction = std::ldexp(static_cast<double>(rng() >> 11), -53);
    x.stage = text();
    x.message = text();
    for (auto n = below(4); n > 0; --n)
      x.counters[text()] = whole();
    return x;
  }
  template <class F>
  auto list(F f) {
    std::vector<decltype(f())> out;
    for (auto n = below(5); n > 0; --n)
      out.push_back(f());
    return out;
  }

  std::mt19937_64 rng;
};

/// Every shortened form of a text gives an error, never an exception and never a value.
template <class Decode>
void refuses_truncations(const std::string& json, Decode decode) {
  for (size_t n = 1; n < json.size(); ++n)
    CAF_CHECK(!decode(std::string_view{json}.substr(0, n)));
}

} // namespace

CAF_TEST(round trips over seeds) {
  for_seeds(2000, [](uint64_t seed) {
    maker make{seed};
    auto attempts = make.list([&] { return make.attempt(); });
    auto back = decode_attempts(encode(attempts));
    if (!back || *back != attempts)
      CAF_FAIL("attempts, TROUPE_SEED=" << seed << ": " << encode(attempts));
    auto progress = make.progress();
    auto progress_back = decode_progress(encode(progress));
    if (!progress_back || !(*progress_back == progress))
      CAF_FAIL("progress, TROUPE_SEED=" << seed << ": " << encode(progress));
    auto err = make.failure();
    error err_back;
    if (!decode_error(encode(err), err_back) || !(err_back == err))
      CAF_FAIL("error, TROUPE_SEED=" << seed << ": " << encode(err));
    auto pictures = make.list([&] {
      return picture{static_cast<uint32_t>(make.rng()), static_cast<uint32_t>(make.rng()), make.text()};
    });
    auto pictures_back = decode_pictures(encode(pictures));
    if (!pictures_back || *pictures_back != pictures)
      CAF_FAIL("pictures, TROUPE_SEED=" << seed);
    auto strings = make.list([&] { return make.text(); });
    auto strings_back = decode_strings(encode(strings));
    if (!strings_back || *strings_back != strings)
      CAF_FAIL("strings, TROUPE_SEED=" << seed);
    auto ids = make.list([&] { return job_id{{make.rng(), make.rng()}}; });
    auto ids_back = decode_job_ids(encode(ids));
    if (!ids_back || *ids_back != ids)
      CAF_FAIL("ids, TROUPE_SEED=" << seed);
    auto counters_back = decode_counters(encode(progress.counters));
    if (!counters_back || *counters_back != progress.counters)
      CAF_FAIL("counters, TROUPE_SEED=" << seed);
  });
}

CAF_TEST(any bytes become one valid JSON string) {
  for_seeds(5000, [](uint64_t seed) {
    maker make{seed};
    auto raw = make.bytes();
    auto doc = nlohmann::json::parse(json_quote(raw), nullptr, false);
    if (!doc.is_string())
      CAF_FAIL("TROUPE_SEED=" << seed);
    // Well-formed text comes back as it was.
    auto text = make.text();
    if (nlohmann::json::parse(json_quote(text), nullptr, false) != text)
      CAF_FAIL("TROUPE_SEED=" << seed << ": " << json_quote(text));
  });
  CAF_CHECK_EQUAL(json_quote("a\xFF"
                             "b"),
                  "\"a\xEF\xBF\xBD"
                  "b\"");
  // A surrogate, an overlong form and a value past U+10FFFF are no UTF-8.
  for (auto bad : {"\xED\xA0\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xF4\x90\x80\x80", "\xF0\x9F\x8E"})
    CAF_CHECK(json_quote(bad).find("\xEF\xBF\xBD") == 1);
}

CAF_TEST(truncated text is an error) {
  maker make{7};
  std::vector<attempt_record> attempts{make.attempt(), make.attempt()};
  refuses_truncations(encode(attempts), [](std::string_view s) { return decode_attempts(s).has_value(); });
  job_progress progress{0.5, "probe", "ü", {{"frames", 3}}};
  refuses_truncations(encode(progress), [](std::string_view s) { return decode_progress(s).has_value(); });
  refuses_truncations(encode(error{errc::io, "x"}), [](std::string_view s) {
    error into;
    return decode_error(s, into).has_value();
  });
}

CAF_TEST(empty columns are empty values) {
  CAF_CHECK(decode_attempts("").has_value());
  CAF_CHECK(decode_pictures("")->empty());
  CAF_CHECK(decode_counters("")->empty());
  CAF_CHECK(decode_progress("").has_value());
  error into;
  CAF_CHECK(decode_error("", into).has_value());
  CAF_CHECK(into.code == errc::none);
}

CAF_TEST(wrong types and numbers out of range are named) {
  auto attempts = decode_attempts(R"([{"number":4294967296,"worker":7,"end":"never","error":{"message":[]}}])");
  CAF_REQUIRE(!attempts);
  auto& fields = attempts.error().fields;
  CAF_REQUIRE_EQUAL(fields.size(), 4u);
  CAF_CHECK_EQUAL(fields[0].first, "number");
  CAF_CHECK_EQUAL(fields[1].first, "worker");
  CAF_CHECK_EQUAL(fields[2].first, "end");
  CAF_CHECK_EQUAL(fields[3].first, "error.message");
  CAF_CHECK(attempts.error().message.find("4294967295") != std::string::npos);
  for (auto text : {"{}", "1", "null", "[1]", "[[]]", "[null]", "\"x\"", "[{}", "nonsense", "[{\"number\":-1}]",
                    "[{\"number\":1.5}]", "[{\"number\":1e999}]", "[{\"started\":\"yesterday\"}]"})
    CAF_CHECK(!decode_attempts(text));
  for (auto text : {"[]", "1", "{\"a\":1.5}", "{\"a\":\"1\"}", "{\"a\":9223372036854775808}", "{\"a\":null}"})
    CAF_CHECK(!decode_counters(text));
  for (auto text : {"{}", "[\"short\"]", "[1]", "[\"00000000000000000000000000\",null]"})
    CAF_CHECK(!decode_job_ids(text));
  for (auto text : {"[{\"width\":-1}]", "[{\"width\":\"1\"}]", "[{\"file\":1}]"})
    CAF_CHECK(!decode_pictures(text));
}

CAF_TEST(deep nesting is refused or read without harm) {
  std::string deep(200'000, '[');
  CAF_CHECK(!decode_strings(deep));
  deep.append(200'000, ']');
  CAF_CHECK(!decode_strings(deep));
  CAF_CHECK(!decode_progress("{\"counters\":" + deep + "}"));
}

CAF_TEST(fields of a newer version are ignored) {
  auto x = decode_progress(R"({"fraction":0.25,"stage":"probe","colour":["new"]})");
  CAF_REQUIRE(x.has_value());
  CAF_CHECK_EQUAL(x->stage, "probe");
  CAF_CHECK_EQUAL(x->fraction, 0.25);
}

CAF_TEST(a fraction that is no number does not break the row) {
  auto x = decode_progress(encode(job_progress{std::nan(""), "s", "m", {}}));
  CAF_REQUIRE(x.has_value());
  CAF_CHECK_EQUAL(x->fraction, 0.0);
}

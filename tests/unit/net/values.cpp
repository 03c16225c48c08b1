#define CAF_SUITE net.values

#include "net/byte_ranges.hpp"
#include "net/gate.hpp"
#include "net/headers.hpp"
#include "net/json_body.hpp"
#include "net/rate_limit.hpp"
#include "net/route.hpp"
#include "net/url.hpp"
#include "net/validators.hpp"

#include "tests/support/seeds.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <set>

using namespace troupe;
using namespace troupe::net;
using namespace troupe::test;

namespace {

/// "200", "416", or the ranges as "first+length".
std::string ranges(std::string_view header, uint64_t size) {
  auto parsed = parse_range(header, size);
  if (parsed.what == range_answer::kind::whole)
    return "200";
  if (parsed.what == range_answer::kind::unsatisfiable)
    return "416";
  std::string out;
  for (auto& r : parsed.ranges)
    out += (out.empty() ? "" : " ") + std::to_string(r.first) + "+" + std::to_string(r.length);
  return out;
}

/// A check that names the case.
void expect(bool ok, std::string_view name) {
  CAF_CHECK_EQUAL(ok ? std::string{} : std::string{name}, std::string{});
}

request asking(std::vector<std::pair<std::string_view, std::string_view>> headers) {
  request out;
  out.headers = std::move(headers);
  return out;
}

} // namespace

CAF_TEST(range headers as RFC 9110 section 14 has them) {
  CAF_CHECK_EQUAL(ranges("bytes=0-499", 1000), "0+500");
  CAF_CHECK_EQUAL(ranges("bytes=500-999", 1000), "500+500");
  CAF_CHECK_EQUAL(ranges("bytes=-500", 1000), "500+500");
  CAF_CHECK_EQUAL(ranges("bytes=500-", 1000), "500+500");
  CAF_CHECK_EQUAL(ranges("bytes=0-0,-1", 1000), "0+1 999+1");
  CAF_CHECK_EQUAL(ranges("bytes=-1,0-0", 1000), "999+1 0+1");
  CAF_CHECK_EQUAL(ranges("bytes= 0-1 , 5-6", 1000), "0+2 5+2");
  CAF_CHECK_EQUAL(ranges("Bytes=0-1", 1000), "0+2");
  CAF_CHECK_EQUAL(ranges("bytes=0-99999", 1000), "0+1000");
  CAF_CHECK_EQUAL(ranges("bytes=0-99999999999999999999999999", 1000), "0+1000");
  CAF_CHECK_EQUAL(ranges("bytes=-99999999999999999999999999", 1000), "0+1000");
  CAF_CHECK_EQUAL(ranges("bytes=0-500,400-600,601-700", 1000), "0+701");
  CAF_CHECK_EQUAL(ranges("bytes=0-1,2000-", 1000), "0+2");
  CAF_CHECK_EQUAL(ranges("bytes=1000-", 1000), "416");
  CAF_CHECK_EQUAL(ranges("bytes=99999999999999999999999999-", 1000), "416");
  CAF_CHECK_EQUAL(ranges("bytes=-0", 1000), "416");
  CAF_CHECK_EQUAL(ranges("bytes=0-", 0), "416");
  CAF_CHECK_EQUAL(ranges("bytes=-5", 0), "416");
  for (auto text : {"", "bytes", "bytes=", "bytes=-", "bytes=,", "bytes=a-b", "bytes=5-4", "bytes=0-1;", "lines=0-1",
                    "bytes=0 - 1", "bytes=+1-2", "bytes=0x1-2", "bytes=0-1-2", "0-1", "bytes=0-1,x"})
    CAF_CHECK_EQUAL(ranges(text, 1000), "200");
  std::string many = "bytes=0-0";
  for (int i = 1; i < 40; ++i)
    many += "," + std::to_string(2 * i) + "-" + std::to_string(2 * i);
  CAF_CHECK_EQUAL(ranges(many, 1000), "200");
}

CAF_TEST(random ranges name exactly the bytes asked for) {
  for_seeds(5000, [](uint64_t seed) {
    std::mt19937_64 rng{seed};
    uint64_t size = rng() % 60;
    std::set<uint64_t> wanted;
    std::string header = "bytes=";
    for (auto n = 1 + rng() % 6; n > 0; --n) {
      auto first = rng() % 70;
      auto last = first + rng() % 20;
      if (rng() % 3 == 0) {
        header += "-" + std::to_string(first);
        for (uint64_t i = size - std::min(first, size); i < size; ++i)
          wanted.insert(i);
      } else {
        header += std::to_string(first) + "-" + std::to_string(last);
        for (uint64_t i = first; i <= last && i < size; ++i)
          wanted.insert(i);
      }
      header += n > 1 ? "," : "";
    }
    auto parsed = parse_range(header, size);
    std::multiset<uint64_t> given;
    for (auto& r : parsed.ranges)
      for (uint64_t i = 0; i < r.length; ++i)
        given.insert(r.first + i);
    CAF_REQUIRE(std::equal(wanted.begin(), wanted.end(), given.begin(), given.end()));
    CAF_REQUIRE((parsed.what == range_answer::kind::unsatisfiable) == wanted.empty());
  });
}

CAF_TEST(targets) {
  auto target = [](std::string text, verb method = verb::get) {
    request r;
    r.method = method;
    r.target = std::move(text);
    if (!split_target(r))
      return std::string{"refused"};
    auto out = r.path;
    for (auto& [name, value] : r.query)
      out += "|" + name + "=" + value;
    return out;
  };
  CAF_CHECK_EQUAL(target("/a/b%20c?x=1+2&y=%26&z&&=q"), "/a/b c|x=1 2|y=&|z=|=q");
  CAF_CHECK_EQUAL(target("http://host:80/a?b=c"), "/a|b=c");
  CAF_CHECK_EQUAL(target("http://host"), "/");
  CAF_CHECK_EQUAL(target("http://host?b=c"), "/|b=c");
  CAF_CHECK_EQUAL(target("*", verb::options), "");
  for (auto bad : {"*", "", "a", "/%", "/%4", "/%zz", "/%00", "/a#b", "/?a=%0", "ftp://a/b"})
    CAF_CHECK_EQUAL(target(bad), "refused");
  std::string many = "/?";
  for (int i = 0; i < 65; ++i)
    many += "a&";
  CAF_CHECK_EQUAL(target(many), "refused");
  for_seeds(2000, [&](uint64_t seed) {
    std::mt19937_64 rng{seed};
    std::string text;
    for (auto n = rng() % 50; n > 0; --n)
      text += static_cast<char>(1 + rng() % 255);
    CAF_REQUIRE(percent_decode(percent_encode(text), false) == text);
    target("/" + text);
  });
}

CAF_TEST(accept and quality) {
  CAF_CHECK(accepts("application/problem+json", "application/problem+json", false));
  CAF_CHECK(accepts("text/html, application/problem+json;q=0.5", "application/problem+json", false));
  CAF_CHECK(!accepts("*/*", "application/problem+json", false));
  CAF_CHECK(!accepts("application/problem+json;q=0", "application/problem+json", false));
  CAF_CHECK(accepts("gzip, deflate", "gzip", true));
  CAF_CHECK(accepts("*", "gzip", true));
  CAF_CHECK(!accepts("gzip;q=0, *", "gzip", true));
  CAF_CHECK(!accepts("identity", "gzip", true));
  CAF_CHECK(!accepts("", "gzip", true));
  CAF_CHECK(!accepts("gzip;q=x", "gzip", true));
}

CAF_TEST(etags dates and keys) {
  CAF_CHECK(if_none_match("\"a\", W/\"b\"", "\"b\""));
  CAF_CHECK(if_none_match("\"b\"", "W/\"b\""));
  CAF_CHECK(if_none_match("\"b-br\"", "\"b\""));
  CAF_CHECK(if_none_match("*", "\"b\""));
  CAF_CHECK(!if_none_match("\"a,b\"", "\"b\""));
  CAF_CHECK(if_match("\"a\", \"b\"", "\"b\""));
  CAF_CHECK(if_match("\"b-gzip\"", "\"b\""));
  CAF_CHECK(if_match("*", "\"b\""));
  CAF_CHECK(!if_match("W/\"b\"", "\"b\""));
  CAF_CHECK(!if_match("W/\"b\"", "W/\"b\""));
  CAF_CHECK(!if_match("", "\"b\""));
  CAF_CHECK_EQUAL(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  for (auto text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"})
    CAF_CHECK(parse_http_date(text) == 784111777);
  CAF_CHECK(!parse_http_date("yesterday"));
  CAF_CHECK_EQUAL(idempotency_key("\"abc\"").value_or("-"), "abc");
  CAF_CHECK_EQUAL(idempotency_key(" abc ").value_or("-"), "abc");
  CAF_CHECK(!idempotency_key(""));
  CAF_CHECK(!idempotency_key("\"\""));
  CAF_CHECK(!idempotency_key("a b"));
  CAF_CHECK(!idempotency_key(std::string(201, 'a')));
  CAF_CHECK(valid_request_id("a-1.B_2:c"));
  CAF_CHECK(!valid_request_id("a b"));
  CAF_CHECK(!valid_request_id(std::string(129, 'a')));
}

CAF_TEST(hosts that may be named) {
  server_config config;
  config.allowed_hosts = {"media.lan"};
  for (auto good :
       {"localhost", "LOCALHOST:3001", "127.0.0.1:1", "[::1]:3001", "192.168.1.5", "media.lan:80", "media.lan."})
    expect(host_allowed(config, asking({{"host", good}})), good);
  for (auto bad : {"evil.example", "", "localhost.evil.example", "[::1", "a/b", "user@localhost"})
    expect(!host_allowed(config, asking({{"host", bad}})), bad);
  CAF_CHECK(host_allowed(config, asking({})));
  config.allowed_hosts = {"*"};
  CAF_CHECK(host_allowed(config, asking({{"host", "evil.example"}})));
}

CAF_TEST(origins that may write) {
  server_config config;
  config.allowed_origins = {"http://front.lan:3000"};
  auto allowed = [&](std::vector<std::pair<std::string_view, std::string_view>> headers) {
    headers.emplace_back("host", "localhost:3001");
    return origin_allowed(config, asking(std::move(headers)));
  };
  CAF_CHECK(allowed({}));
  CAF_CHECK(allowed({{"origin", "http://localhost:3001"}}));
  CAF_CHECK(allowed({{"origin", "http://front.lan:3000"}, {"sec-fetch-site", "cross-site"}}));
  CAF_CHECK(allowed({{"sec-fetch-site", "same-origin"}}));
  CAF_CHECK(allowed({{"sec-fetch-site", "none"}}));
  CAF_CHECK(!allowed({{"origin", "http://evil.example"}}));
  CAF_CHECK(!allowed({{"origin", "http://localhost:3002"}}));
  CAF_CHECK(!allowed({{"origin", "http://localhost:3001.evil.example"}}));
  CAF_CHECK(!allowed({{"origin", "null"}}));
  CAF_CHECK(!allowed({{"sec-fetch-site", "cross-site"}}));
  CAF_CHECK(!allowed({{"sec-fetch-site", "same-site"}}));
}

CAF_TEST(routes and what they allow) {
  route_table table{all_routes()};
  auto find = [&](verb method, std::string_view path) {
    auto m = table.find(method, path);
    return m.found ? std::string{m.found->path} : "allow " + m.allow;
  };
  CAF_CHECK_EQUAL(find(verb::get, "/api/jobs/stats"), "/api/jobs/stats");
  CAF_CHECK_EQUAL(find(verb::get, "/api/jobs/x"), "/api/jobs/{id}");
  CAF_CHECK_EQUAL(find(verb::post, "/api/jobs/x/cancel"), "/api/jobs/{id}/cancel");
  CAF_CHECK_EQUAL(find(verb::put, "/api/videos"), "allow GET, HEAD");
  CAF_CHECK_EQUAL(find(verb::get, "/api/videos/upload"), "allow POST");
  CAF_CHECK_EQUAL(find(verb::put, "/api/videos/x"), "allow GET, HEAD, PATCH, DELETE");
  CAF_CHECK_EQUAL(find(verb::head, "/ws"), "allow GET");
  for (auto unknown : {"/", "/api", "/api/videos/", "/api/jobs//status", "/api/videos/x/y/z", "//api/videos"})
    CAF_CHECK_EQUAL(find(verb::get, unknown), "allow ");
  std::set<std::pair<verb, std::string_view>> seen;
  for (auto& r : table.all()) {
    expect(seen.emplace(r.method, r.path).second, r.path);
    expect(!r.summary.empty() && !r.answers.empty() && (r.handle || r.open_body), r.path);
  }
}

CAF_TEST(a window of requests) {
  rate_limit limit{3};
  rate_limit::clock::time_point t{std::chrono::hours{1}};
  for (int i = 0; i < 3; ++i)
    CAF_CHECK(limit.take("10.0.0.1", t).allowed);
  auto fourth = limit.take("10.0.0.1", t + std::chrono::seconds{10});
  CAF_CHECK(!fourth.allowed);
  CAF_CHECK_EQUAL(fourth.reset.count(), 50);
  CAF_CHECK(limit.take("10.0.0.2", t).allowed);
  CAF_CHECK(limit.take("10.0.0.1", t + std::chrono::seconds{60}).allowed);
  for (int i = 0; i < 3; ++i)
    limit.take("2001:db8::" + std::to_string(i + 1), t);
  CAF_CHECK(!limit.take("2001:db8::ffff", t).allowed);
  CAF_CHECK(rate_limit{0}.take("10.0.0.1", t).allowed);
}

CAF_TEST(all bad fields of a body at once) {
  auto body = json_body::parse(R"({"a":1,"b":"x","c":true,"extra":null})");
  CAF_REQUIRE(body.has_value());
  body->only({"a", "b", "c"});
  body->require("d");
  CAF_CHECK(!body->text("a"));
  CAF_CHECK(!body->integer("b", 0, 9));
  CAF_CHECK(body->boolean("c") == true);
  auto verdict = body->verdict();
  CAF_REQUIRE(!verdict);
  CAF_CHECK_EQUAL(verdict.error().fields.size(), 4u);
  CAF_CHECK(!json_body::parse("[]"));
  CAF_CHECK(!json_body::parse("{"));
  CAF_CHECK(!json_body::parse(std::string(100'000, '[')));
  CAF_CHECK(json_body::parse("").has_value());
}

#define CAF_SUITE net.http_fields

#include "net/http_fields.hpp"
#include "net/http_address.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>

using namespace troupe;

namespace {

bool is_public(const char* text) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  if (::inet_pton(AF_INET, text, &v4.sin_addr) == 1)
    return net::is_public_address(reinterpret_cast<sockaddr*>(&v4), sizeof(v4));
  CAF_REQUIRE_EQUAL(::inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
  return net::is_public_address(reinterpret_cast<sockaddr*>(&v6), sizeof(v6));
}

} // namespace

CAF_TEST(addresses of the internet and others) {
  for (auto x : {"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
                 "128.0.0.0", "169.253.0.1", "172.15.255.255", "172.32.0.0", "192.167.1.1", "192.169.0.0",
                 "223.255.255.255", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"}) {
    CAF_MESSAGE(x);
    CAF_CHECK(is_public(x));
  }
  for (auto x : {"0.0.0.0",
                 "0.1.2.3",
                 "10.0.0.1",
                 "10.255.255.255",
                 "100.64.0.1",
                 "100.127.255.255",
                 "127.0.0.1",
                 "127.255.255.254",
                 "169.254.169.254",
                 "172.16.0.1",
                 "172.31.255.255",
                 "192.0.0.1",
                 "192.0.2.1",
                 "192.168.0.1",
                 "198.18.0.1",
                 "198.19.255.255",
                 "198.51.100.1",
                 "203.0.113.1",
                 "224.0.0.1",
                 "239.255.255.255",
                 "240.0.0.1",
                 "255.255.255.255",
                 "::",
                 "::1",
                 "fe80::1",
                 "fc00::1",
                 "fd12::1",
                 "ff02::1",
                 "::ffff:127.0.0.1",
                 "::ffff:10.0.0.1",
                 "::127.0.0.1",
                 "64:ff9b::7f00:1",
                 "64:ff9b:1::1",
                 "2001::1",
                 "2001:db8::1",
                 "2002:7f00:1::",
                 "100::1",
                 "fec0::1"}) {
    CAF_MESSAGE(x);
    CAF_CHECK(!is_public(x));
  }
  sockaddr other{};
  other.sa_family = AF_UNIX;
  CAF_CHECK(!net::is_public_address(&other, sizeof(other)));
}

CAF_TEST(names in a content disposition) {
  auto check = [](const char* field, const char* name) { CAF_CHECK_EQUAL(net::file_name_of(field), name); };
  check("attachment; filename=\"a b.mp4\"", "a b.mp4");
  check("attachment; filename=a.mp4", "a.mp4");
  check("ATTACHMENT ; FileName = a.mp4 ; size=5", "a.mp4");
  check("attachment; filename=\"a\\\"b;c.mp4\"; x=y", "a\"b;c.mp4");
  check("attachment; filename=\"plain.mp4\"; filename*=UTF-8''%e2%82%ac%20rates.mp4", "€ rates.mp4");
  check("attachment; filename*=iso-8859-1'en'%A3.mp4; filename=plain.mp4", "£.mp4");
  check("attachment; filename*=UTF-8''%zz; filename=plain.mp4", "plain.mp4");
  check("attachment; filename*=koi8-r''abc; filename=plain.mp4", "plain.mp4");
  check("attachment; filename=\"../../etc/passwd\"", "passwd");
  check("attachment; filename*=UTF-8''..%2f..%5cx.mp4", "x.mp4");
  check("inline", "");
  check("", "");
  check("attachment; filename", "");
  check("attachment; filename=", "");
  check("attachment; filename=\"", "");
  check("attachment; filename=\"a\\", "");
  check("filename=a.mp4", "");
}

CAF_TEST(when to come back) {
  auto now = from_ms(1'700'000'000'000);
  auto after = [&](const char* x) { return net::parse_retry_after(x, now).count(); };
  CAF_CHECK_EQUAL(after("120"), 120'000);
  CAF_CHECK_EQUAL(after(" 0 "), 0);
  CAF_CHECK_EQUAL(after("Tue, 14 Nov 2023 22:13:50 GMT"), 30'000);
  CAF_CHECK_EQUAL(after("Tue, 14 Nov 2023 22:00:00 GMT"), 0);
  CAF_CHECK_EQUAL(after("Tue, 14 Nov 2033 22:00:00 GMT"), 86'400'000);
  CAF_CHECK_EQUAL(after("999999999999"), 86'400'000);
  CAF_CHECK_EQUAL(after("99999999999999999999999999"), 0);
  for (auto bad : {"", "-5", "soon", "1.5"})
    CAF_CHECK(after(bad) <= 86'400'000 && after(bad) >= 0);
}

CAF_TEST(ranges) {
  auto x = net::parse_content_range("bytes 5-9/10");
  CAF_REQUIRE(x.has_value());
  CAF_CHECK(x->first == 5u && x->last == 9 && x->total == 10u);
  CAF_CHECK(net::parse_content_range("Bytes 0-0/*")->total == std::nullopt);
  CAF_CHECK(net::parse_content_range("bytes */7")->first == std::nullopt);
  for (auto bad : {"", "bytes", "bytes ", "bytes */*", "bytes 9-5/10", "bytes 5-9", "bytes 5-9/", "bytes 5-10/10",
                   "bytes -5/10", "items 1-2/3", "bytes 5-9/10x", "bytes 99999999999999999999-1/2"})
    CAF_CHECK(!net::parse_content_range(bad));
}

CAF_TEST(any bytes are survived) {
  test::for_seeds(20'000, [](uint64_t seed) {
    std::mt19937_64 rng{seed};
    constexpr std::string_view pieces[] = {
      "filename", "filename*", "=",      ";", "\"", "\\", "UTF-8''", "%",
      "%4",       "%41",       "bytes ", "-", "/",  "*",  "5",       "99999999999999999999",
      "\xff",     " "};
    std::string field;
    for (auto n = rng() % 12; n > 0; --n)
      field += pieces[rng() % std::size(pieces)];
    auto name = net::file_name_of("attachment;" + field);
    CAF_REQUIRE(name.find('/') == std::string::npos);
    (void)net::parse_content_range(field);
    auto wait = net::parse_retry_after(field, from_ms(1'700'000'000'000));
    CAF_REQUIRE(wait.count() >= 0 && wait.count() <= 86'400'000);
  });
}

#define CAF_SUITE net.multipart

#include "net/multipart.hpp"
#include "net/upload_sink.hpp"

#include "tests/support/seeds.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

using namespace troupe;
using namespace troupe::net;
using namespace troupe::test;

namespace {

struct part {
  part_head head;
  std::string data;
  bool ended = false;
};

struct collector : part_handler {
  std::vector<part> parts;
  result<void> on_part(const part_head& head) override {
    parts.push_back({head, {}, false});
    return {};
  }
  result<void> on_data(std::string_view piece) override {
    parts.back().data.append(piece);
    return {};
  }
  result<void> on_part_end() override {
    parts.back().ended = true;
    return {};
  }
};

std::optional<std::vector<part>> parse(std::string_view boundary, std::string_view body,
                                       std::mt19937_64* rng = nullptr) {
  collector out;
  multipart_parser parser{boundary, out};
  while (!body.empty()) {
    auto n = rng ? std::min<size_t>(body.size(), 1 + (*rng)() % ((*rng)() % 4 == 0 ? 200 : 4)) : body.size();
    if (!parser.feed(body.substr(0, n)))
      return std::nullopt;
    body.remove_prefix(n);
  }
  if (!parser.finish())
    return std::nullopt;
  return out.parts;
}

/// Bytes that look as much like delimiters as they may without being one.
std::string tempting_data(std::mt19937_64& rng, const std::string& boundary) {
  static const std::string delimiter_start = "\r\n--";
  std::string out;
  for (auto n = rng() % 40; n > 0; --n)
    switch (rng() % 6) {
    case 0:
      out += "\r";
      break;
    case 1:
      out += "\r\n";
      break;
    case 2:
      out += delimiter_start + boundary.substr(0, rng() % boundary.size());
      break;
    case 3:
      out += "--" + boundary;
      break;
    default:
      out += static_cast<char>(rng());
    }
  // A whole delimiter may have come about by chance.
  for (size_t at; (at = out.find(delimiter_start + boundary)) != std::string::npos;)
    out.erase(at, 2);
  return out;
}

} // namespace

CAF_TEST(random forms come back whatever the splits) {
  for_seeds(3000, [](uint64_t seed) {
    std::mt19937_64 rng{seed};
    std::string boundary = "x";
    for (auto n = rng() % 20; n > 0; --n)
      boundary += "-ab1"[rng() % 4];
    std::vector<std::string> data;
    std::string body = rng() % 3 == 0 ? "preamble\r\n" : "";
    for (auto n = 1 + rng() % 4; n > 0; --n) {
      data.push_back(tempting_data(rng, boundary));
      body += "--" + boundary + (rng() % 4 == 0 ? " \t" : "") + "\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n"
              + data.back() + "\r\n";
    }
    body += "--" + boundary + "--" + (rng() % 2 == 0 ? "\r\nepilogue" : "");
    auto parts = parse(boundary, body, &rng);
    CAF_REQUIRE(parts.has_value());
    CAF_REQUIRE_EQUAL(parts->size(), data.size());
    for (size_t i = 0; i < data.size(); ++i) {
      CAF_REQUIRE((*parts)[i].data == data[i]);
      CAF_REQUIRE((*parts)[i].ended);
    }
    // Cut anywhere, it is incomplete and says so.
    auto end = body.find("--" + boundary + "--") + boundary.size() + 3;
    CAF_REQUIRE(!parse(boundary, std::string_view{body}.substr(0, rng() % end), &rng).has_value());
  });
}

CAF_TEST(random bytes never do harm) {
  for_seeds(3000, [](uint64_t seed) {
    std::mt19937_64 rng{seed};
    std::string body = rng() % 2 == 0 ? "--b\r\n" : "";
    for (auto n = rng() % 400; n > 0; --n)
      body += "\r\n-b:;=\"\\ aContent-Disposition"[rng() % 30];
    parse("b", body, &rng);
  });
}

CAF_TEST(names and file names) {
  auto one = [](std::string head) {
    auto parts = parse("b", "--b\r\n" + head + "\r\n\r\nx\r\n--b--");
    return parts && parts->size() == 1 ? (*parts)[0].head : part_head{"refused", {}, {}};
  };
  auto head =
    one("content-disposition: form-data; name=\"video\"; filename=\"a;b \\\"c\\\".mp4\"\r\nContent-Type: v/x");
  CAF_CHECK_EQUAL(head.name, "video");
  CAF_CHECK_EQUAL(head.file_name.value_or("-"), "a;b \"c\".mp4");
  CAF_CHECK_EQUAL(head.content_type, "v/x");
  CAF_CHECK_EQUAL(one("Content-Disposition: form-data; name=v; filename*=UTF-8''%e2%82%ac.mp4").file_name.value_or("-"),
                  "\xe2\x82\xac.mp4");
  CAF_CHECK_EQUAL(one("Content-Disposition: form-data; name=v; filename=\"C:\\d\\f.mp4\"").file_name.value_or("-"),
                  "C:\\d\\f.mp4");
  CAF_CHECK_EQUAL(one("X: y").name, "refused");
  CAF_CHECK_EQUAL(one("Content-Disposition: attachment; name=v").name, "refused");
  CAF_CHECK_EQUAL(one("Content-Disposition: form-data").name, "refused");
  CAF_CHECK_EQUAL(one("no colon").name, "refused");
  CAF_CHECK_EQUAL(one("X: " + std::string(9000, 'y')).name, "refused");
}

CAF_TEST(boundaries) {
  CAF_CHECK_EQUAL(*multipart_boundary("multipart/form-data; boundary=abc"), "abc");
  CAF_CHECK_EQUAL(*multipart_boundary("Multipart/Form-Data; charset=x; Boundary=\"a b\""), "a b");
  for (auto bad : {"", "multipart/mixed; boundary=a", "multipart/form-data", "multipart/form-data; boundary=",
                   "multipart/form-data; boundary=\"a\r\nb\"", "multipart/form-data; boundary=\"a \""})
    CAF_CHECK(!multipart_boundary(bad));
  CAF_CHECK(!multipart_boundary("multipart/form-data; boundary=" + std::string(71, 'a')));
}

CAF_TEST(file names never leave their folder) {
  CAF_CHECK_EQUAL(sanitised_name("../../etc/passwd"), "passwd");
  CAF_CHECK_EQUAL(sanitised_name("C:\\films\\a.mp4"), "a.mp4");
  CAF_CHECK_EQUAL(sanitised_name(".."), "upload");
  CAF_CHECK_EQUAL(sanitised_name(""), "upload");
  CAF_CHECK_EQUAL(sanitised_name("a/"), "upload");
  CAF_CHECK_EQUAL(sanitised_name(".hidden.mp4"), "hidden.mp4");
  CAF_CHECK_EQUAL(sanitised_name("a\nb\x01.mp4"), "a_b_.mp4");
  CAF_CHECK_EQUAL(sanitised_name("a\xff.mp4"), "a_.mp4");
  CAF_CHECK_EQUAL(sanitised_name("\xe2\x82\xac.mp4"), "\xe2\x82\xac.mp4");
  for_seeds(2000, [](uint64_t seed) {
    std::mt19937_64 rng{seed};
    std::string name;
    for (auto n = rng() % 600; n > 0; --n)
      name += rng() % 3 == 0 ? "./\\\xe2\x82"[rng() % 5] : static_cast<char>(rng());
    auto safe = sanitised_name(name);
    CAF_REQUIRE(!safe.empty() && safe.size() <= 200 && safe.front() != '.');
    CAF_REQUIRE(safe.find('/') == std::string::npos && safe.find('\0') == std::string::npos);
  });
}

#define CAF_SUITE net.multipart_ranges

#include "net/multipart_ranges.hpp"

#include "tests/support/seeds.hpp"

#include <caf/make_message.hpp>

using namespace troupe;
using namespace troupe::net;

namespace {

const std::string film = [] {
  std::string out;
  for (int i = 0; i < 5000; ++i)
    out += "line " + std::to_string(i) + "\r\n";
  return out;
}();

std::string body_of(const std::vector<byte_span>& ranges, const std::string& boundary) {
  std::string out;
  for (auto& x : ranges)
    out += part_head(boundary, {x.begin, x.end - x.begin}, film.size()) + film.substr(x.begin, x.end - x.begin);
  return out + parts_end(boundary);
}

struct outcome {
  errc code = errc::none;
  bool complete = false;
  std::string there = std::string(film.size(), '\0');
};

/// Reads it in pieces of at most `step` bytes.
template <class F>
outcome read(const std::vector<byte_span>& wanted, std::string_view body, F step) {
  outcome out;
  part_reader reader{"b", wanted, [&](uint64_t offset, std::string_view bytes) -> result<void> {
                       out.there.replace(offset, bytes.size(), bytes);
                       return {};
                     }};
  while (!body.empty()) {
    auto n = std::min<size_t>(body.size(), step());
    if (auto taken = reader.add(body.substr(0, n)); !taken) {
      out.code = taken.error().code;
      return out;
    }
    body.remove_prefix(n);
  }
  out.complete = reader.complete();
  return out;
}

outcome read(const std::vector<byte_span>& wanted, std::string_view body) {
  return read(wanted, body, [&] { return body.size() + 1; });
}

[[noreturn]] void broken(const std::string& what) {
  throw std::runtime_error(what);
}

} // namespace

CAF_TEST(parts come back however they are cut and nothing else passes) {
  test::for_seeds(500, [](uint64_t seed) {
    std::mt19937_64 random{seed};
    std::vector<byte_span> ranges;
    for (uint64_t at = random() % 100; at + 2000 < film.size() && ranges.size() < 1 + seed % 32;) {
      ranges.push_back({at, at + 1 + random() % 1000});
      at = ranges.back().end + 1 + random() % 1000;
    }
    auto body = body_of(ranges, "b");
    auto got = read(ranges, body, [&] { return 1 + random() % 300; });
    if (got.code != errc::none || !got.complete)
      broken("it is not read");
    for (auto& x : ranges)
      if (got.there.compare(x.begin, x.end - x.begin, film, x.begin, x.end - x.begin) != 0)
        broken("other bytes");
    // Cut off it is not complete; one byte more is too much.
    auto cut = read(ranges, std::string_view{body}.substr(0, random() % body.size()));
    if (cut.complete)
      broken("complete without its end");
    if (read(ranges, body + "x").complete)
      broken("complete with more than that");
    // A byte of the frame is another one.
    auto damaged = body;
    auto head = part_head("b", {ranges[0].begin, ranges[0].end - ranges[0].begin}, film.size());
    auto at = random() % head.size();
    damaged[at] = static_cast<char>(damaged[at] ^ (1 + random() % 127));
    auto other = read(ranges, damaged);
    // Names of fields have no case, and of the whole length nothing is made.
    if (other.complete && at < head.find("Content-Range"))
      broken("a damaged boundary passes");
  });
}

CAF_TEST(a shorter file and other ranges are told apart) {
  const std::vector<byte_span> wanted{{10, 20}, {30, 40}};
  CAF_CHECK(read(wanted, body_of(wanted, "b")).complete);
  CAF_CHECK(read(wanted, body_of({{10, 20}, {30, 39}}, "b")).code == errc::conflict);
  CAF_CHECK(read(wanted, body_of({{10, 20}, {30, 41}}, "b")).code == errc::protocol);
  CAF_CHECK(read(wanted, body_of({{30, 40}, {10, 20}}, "b")).code == errc::protocol);
  CAF_CHECK(!read(wanted, body_of({{10, 20}}, "b")).complete);
  CAF_CHECK(read(wanted, body_of(wanted, "c")).code == errc::protocol);
  CAF_CHECK(read(wanted, "\r\n--b\r\n\r\n").code == errc::protocol);
  CAF_CHECK(read(wanted, std::string(100'000, 'x')).code == errc::protocol);
}

#define CAF_SUITE media.matroska_sieve

#include "media/matroska_sieve.hpp"
#include "media/ebml.hpp"
#include "tests/support/seeds.hpp"
#include "tests/unit/media/samples.hpp"

#include <caf/make_message.hpp>

#include <cstring>
#include <filesystem>

using namespace troupe;
using namespace media_test;

namespace {

[[noreturn]] void broken(const std::string& what) {
  throw std::runtime_error(what);
}

/// All of it is here; notes what is read.
struct watched_bytes final : media::missing_bytes {
  explicit watched_bytes(uint64_t bytes) : size(bytes) {
  }
  result<size_t> provide(uint64_t offset, size_t wanted) override {
    const auto n = offset < size ? std::min<uint64_t>(wanted, size - offset) : 0;
    if (n > 0)
      read.add({offset, offset + n});
    return static_cast<size_t>(n);
  }
  void expect(const std::vector<byte_span>& coming) override {
    for (auto& x : coming)
      if (x.begin >= x.end || x.end > size)
        broken("bytes are announced that are not there");
    announced += coming.size();
  }
  const uint64_t size;
  byte_spans read;
  size_t announced = 0;
};

std::string film() {
  static const auto path = [] {
    auto out = scratch("sieved.mkv");
    ffmpeg("-f lavfi -i testsrc2=s=320x180:r=25:d=20 -f lavfi -i sine=d=20 -c:v libx264 -preset ultrafast -qp 10 -g 25 "
           "-pix_fmt yuv420p -c:a aac -b:a 96k -cluster_time_limit 1000 "
           + out);
    return out;
  }();
  return path;
}

struct sieved {
  bool has_map = false;
  std::string bytes;
  watched_bytes source;
};

/// All of a file, as libav would read it.
sieved read_all(const std::string& path, std::mt19937_64& random) {
  const auto size = std::filesystem::file_size(path);
  sieved out{false, {}, watched_bytes{size}};
  auto fd = open_source(path);
  media::source_file file{fd.get(), &out.source};
  auto map = media::read_matroska_map(file);
  if (!map)
    broken(map.error().message);
  if (!*map)
    return out;
  out.has_map = true;
  out.source.read.clear();
  media::matroska_sieve sieve{file, **map};
  std::string buffer(64 << 10, '\0');
  while (out.bytes.size() < size) {
    auto n = sieve.read(buffer.data(), 1 + random() % buffer.size(), out.bytes.size());
    if (!n || *n == 0)
      broken("nothing is read in the middle");
    out.bytes.append(buffer, 0, *n);
  }
  if (auto end = sieve.read(buffer.data(), 1, size); !end || *end != 0)
    broken("there is something behind the end");
  return out;
}

} // namespace

CAF_TEST(numbers and elements) {
  using bytes = std::vector<uint8_t>;
  auto number = media::read_ebml_number(bytes{0x81});
  CAF_CHECK(number && number->value == 1 && number->length == 1 && !number->unknown);
  number = media::read_ebml_number(bytes{0x40, 0x02});
  CAF_CHECK(number && number->value == 2 && number->length == 2);
  CAF_CHECK(media::read_ebml_number(bytes{0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})->unknown);
  for (auto& bad : {bytes{}, bytes{0}, bytes{0x40}, bytes{0x01, 0, 0}})
    CAF_CHECK(!media::read_ebml_number(bad));
  auto block = media::read_ebml_element(bytes{0xA3, 0x84}, 100, 106);
  CAF_CHECK(block && block->id == media::ebml_id::simple_block && block->data == 102 && block->end == 106);
  // It ends behind the file; it has no end and should have; it is no element.
  CAF_CHECK(!media::read_ebml_element(bytes{0xA3, 0x84}, 100, 105));
  CAF_CHECK(!media::read_ebml_element(bytes{0xA3, 0xFF}, 100, 105));
  CAF_CHECK(!media::read_ebml_element(bytes{0x00, 0x84}, 100, 205));
  CAF_CHECK(!media::read_ebml_element(bytes{0xA3}, 100, 205));
  CAF_CHECK(media::read_ebml_element(bytes{0x1F, 0x43, 0xB6, 0x75, 0xFF}, 0, 100)->end == 0);
}

CAF_TEST(all but pictures comes as it is and little else is read) {
  std::mt19937_64 random{1};
  const auto whole = read_file(film());
  auto got = read_all(film(), random);
  CAF_REQUIRE(got.has_map);
  CAF_REQUIRE_EQUAL(got.bytes.size(), whole.size());
  uint64_t other = 0;
  for (size_t i = 0; i < whole.size(); ++i) {
    other += got.bytes[i] != whole[i];
    CAF_REQUIRE(got.bytes[i] == whole[i] || got.bytes[i] == 0);
  }
  CAF_CHECK(other > whole.size() / 2);
  CAF_CHECK(got.source.announced > 0);
  CAF_MESSAGE("of " << whole.size() << " bytes " << got.source.read.bytes() << " were read");
  CAF_CHECK(got.source.read.bytes() < whole.size() / 2);
  // Its sound is what it was.
  const auto path = scratch("sieved-out.mkv");
  write_file(path, got.bytes);
  auto sum = [](const std::string& from) {
    return output_of("ffmpeg -v error -i " + from + " -map 0:a -c copy -f md5 -");
  };
  CAF_CHECK_EQUAL(sum(path), sum(film()));
}

CAF_TEST(damaged files come to an end) {
  const auto whole = read_file(film());
  test::for_seeds(300, [&](uint64_t seed) {
    std::mt19937_64 random{seed};
    auto bytes = whole;
    if (seed % 3 == 0)
      bytes.resize(1 + random() % bytes.size());
    for (auto n = 1 + random() % 200; n > 0; --n)
      bytes[random() % (seed % 2 ? std::min<size_t>(bytes.size(), 4000) : bytes.size())] = static_cast<char>(random());
    const auto path = scratch("sieved-damaged.mkv");
    write_file(path, bytes);
    auto got = read_all(path, random);
    if (got.has_map && got.bytes.size() != bytes.size())
      broken("not all of it was read");
    for (size_t i = 0; i < got.bytes.size(); ++i)
      if (got.bytes[i] != bytes[i] && got.bytes[i] != 0)
        broken("other bytes");
  });
}

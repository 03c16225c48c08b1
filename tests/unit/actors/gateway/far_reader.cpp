#define CAF_SUITE gateway.far_reader

#include "actors/gateway/far_reader.hpp"

#include "tests/support/fake_peers.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <future>

using namespace troupe;
using namespace troupe::gateway;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr uint64_t kilo = 1024;
constexpr uint64_t mega = 1024 * kilo;

struct fixture {
  explicit fixture(uint64_t size = 10 * mega, uint64_t piece = mega) :
    version{size, 1'000'000'000, 7}, peers(std::make_shared<fake_peers>(content_of(size))),
    cache(std::make_shared<fake_cache>()) {
    settings.ask = [this](library_id, const std::string&) { return ask(); };
    settings.open = [this]() -> result<far_means> { return far_means{cache, peers}; };
    settings.time = &time;
    settings.random = [] { return uint64_t{0}; };
    settings.away = [this] { return away.load(); };
    settings.piece_bytes = piece;
    settings.reading.give_up = 400ms;
    settings.reading.delay = {1ms, 5ms, 2, 0};
  }
  far_reader& reader() {
    if (!made)
      made.emplace(settings);
    return *made;
  }
  result<far_grant> ask() {
    ++asked;
    if (away)
      return {errc::unavailable, "the coordinator is away"};
    return grant();
  }
  far_grant grant() {
    return {"https://north/" + std::to_string(++grants), "north", version, at_coordinator};
  }
  std::shared_ptr<ports::far_file> open() {
    return reader().open({}, "uploads/film.mp4", {}, grant());
  }
  uint64_t fetched() {
    std::lock_guard guard{peers->mutex};
    return peers->total;
  }
  /// Until nothing more comes ahead of time.
  uint64_t settled() {
    for (auto before = fetched();;) {
      std::this_thread::sleep_for(50ms);
      if (auto now = fetched(); now == before)
        return now;
      else
        before = now;
    }
  }

  system_clocks time;
  file_version version;
  std::shared_ptr<fake_peers> peers;
  std::shared_ptr<fake_cache> cache;
  std::atomic<bool> away{false};
  std::atomic<int> asked{0};
  std::atomic<int> grants{0};
  bool at_coordinator = true;
  far_reader_config settings;
  std::optional<far_reader> made;
};

std::future<result<ports::fetched_bytes>> begin(ports::far_stream& from) {
  auto promise = std::make_shared<std::promise<result<ports::fetched_bytes>>>();
  auto out = promise->get_future();
  from.next([promise](result<ports::fetched_bytes> x) { promise->set_value(std::move(x)); });
  return out;
}

result<ports::fetched_bytes> take(ports::far_stream& from) {
  auto answer = begin(from);
  if (answer.wait_for(20s) != std::future_status::ready)
    throw std::runtime_error("no answer of a stream");
  return answer.get();
}

std::string bytes_of(const ports::fetched_bytes& x) {
  std::string out(x.length, '\0');
  if (::pread(x.descriptor, out.data(), out.size(), static_cast<off_t>(x.offset)) != static_cast<ssize_t>(out.size()))
    throw std::runtime_error("what a stream gave can't be read");
  return out;
}

/// All that comes until it fails or the part is through.
std::string read_all(ports::far_file& file, byte_span part) {
  auto from = file.read(part);
  std::string out;
  while (out.size() < part.end - part.begin) {
    auto more = take(*from);
    if (!more)
      break;
    out += bytes_of(*more);
  }
  return out;
}

std::string part_of(const fixture& f, byte_span x) {
  return f.peers->content.substr(x.begin, x.end - x.begin);
}

} // namespace

CAF_TEST(any part of a file is what the node has and no byte is fetched twice) {
  for_seeds(8, [](uint64_t seed) {
    fixture f;
    std::mt19937_64 random{seed};
    auto file = f.open();
    CAF_CHECK(file->version() == f.version);
    for (int i = 0; i < 12; ++i) {
      const auto begin = random() % f.version.size;
      const auto length =
        1 + random() % (i % 2 == 0 ? f.version.size - begin : std::min<uint64_t>(1000, f.version.size - begin));
      CAF_REQUIRE(read_all(*file, {begin, begin + length}) == part_of(f, {begin, begin + length}));
    }
    CAF_CHECK(f.settled() <= f.version.size);
    for (auto& [key, kept] : f.cache->files)
      CAF_CHECK(!kept->twice);
  });
}

CAF_TEST(nothing is fetched behind the part that was asked for) {
  fixture f;
  auto file = f.open();
  const byte_span part{3 * mega - 10, 3 * mega + 10};
  CAF_CHECK(read_all(*file, part) == part_of(f, part));
  CAF_CHECK_EQUAL(f.settled(), 20u);
}

CAF_TEST(several who read at once fetch once) {
  fixture f;
  const byte_span whole{0, f.version.size};
  std::vector<std::thread> readers;
  std::atomic<int> right{0};
  for (int i = 0; i < 4; ++i)
    readers.emplace_back([&, file = f.open()] { right += read_all(*file, whole) == f.peers->content ? 1 : 0; });
  for (auto& x : readers)
    x.join();
  CAF_CHECK_EQUAL(right.load(), 4);
  CAF_CHECK_EQUAL(f.settled(), f.version.size);
}

CAF_TEST(no more is fetched than a window ahead of who takes it slowly) {
  fixture f{64 * mega, 16 * mega};
  auto file = f.open();
  auto from = file->read({0, f.version.size});
  uint64_t taken = 0;
  for (int i = 0; i < 30; ++i) {
    taken += take(*from)->length;
    CAF_CHECK(f.settled() <= taken + 9 * mega);
  }
  CAF_CHECK(taken > 5 * mega);
}

CAF_TEST(who goes away ends what was fetched for it) {
  fixture f;
  auto file = f.open();
  auto from = file->read({0, f.version.size});
  CAF_CHECK(take(*from).has_value());
  f.settled();
  f.peers->freeze(true);
  while (begin(*from).wait_for(100ms) == std::future_status::ready)
    ;
  from.reset();
  auto all_cancelled = [&] {
    std::lock_guard guard{f.peers->mutex};
    return std::all_of(f.peers->jobs.begin(), f.peers->jobs.end(),
                       [](auto& x) { return x.transfer->cancelled.load(); });
  };
  for (int i = 0; i < 200 && !all_cancelled(); ++i)
    std::this_thread::sleep_for(10ms);
  CAF_CHECK(all_cancelled());
  const auto before = f.fetched();
  f.peers->freeze(false);
  CAF_CHECK_EQUAL(f.settled(), before);
}

CAF_TEST(a node that goes away in the middle ends it and gives no wrong byte) {
  fixture f;
  auto file = f.open();
  auto from = file->read({0, f.version.size});
  std::string got = bytes_of(*take(*from));
  f.peers->fail(errc::unavailable, 0, 100'000);
  for (;;) {
    auto more = take(*from);
    if (!more) {
      CAF_CHECK(more.error().code == errc::unavailable);
      CAF_CHECK(more.error().message.find("north") == std::string::npos);
      break;
    }
    got += bytes_of(*more);
  }
  CAF_CHECK(got.size() < f.version.size);
  CAF_CHECK(got == part_of(f, {0, got.size()}));
  // It stays so.
  CAF_CHECK(take(*from).error().code == errc::unavailable);
}

CAF_TEST(an interruption is not seen) {
  fixture f;
  auto file = f.open();
  f.peers->fail(errc::unavailable, 0, 3);
  f.peers->fail(errc::io, 1000, 3);
  CAF_CHECK(read_all(*file, {0, f.version.size}) == f.peers->content);
}

CAF_TEST(while the coordinator is away what is kept here is sent and the rest refused at once) {
  fixture f;
  CAF_CHECK(f.reader().last({}, "uploads/film.mp4") == nullptr);
  CAF_CHECK(read_all(*f.open(), {0, mega}) == part_of(f, {0, mega}));
  f.away = true;
  f.peers->fail(errc::unavailable, 0, 100'000);
  auto file = f.reader().last({}, "uploads/film.mp4");
  CAF_REQUIRE(file != nullptr);
  CAF_CHECK(read_all(*file, {1000, mega}) == part_of(f, {1000, mega}));
  CAF_CHECK_EQUAL(f.asked.load(), 0);
  const auto began = std::chrono::steady_clock::now();
  auto refused = take(*file->read({5 * mega, 6 * mega}));
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::unavailable);
  CAF_CHECK(refused.error().message.find("coordinator can't be reached") != std::string::npos);
  CAF_CHECK(std::chrono::steady_clock::now() - began < 300ms);
}

CAF_TEST(another node serves on while the coordinator is away) {
  fixture f;
  f.at_coordinator = false;
  auto file = f.open();
  f.away = true;
  CAF_CHECK(read_all(*file, {0, 3 * mega}) == part_of(f, {0, 3 * mega}));
}

CAF_TEST(an address that has expired is replaced for all) {
  fixture f;
  auto one = f.open();
  CAF_CHECK(!read_all(*one, {0, 10}).empty());
  {
    std::lock_guard guard{f.peers->mutex};
    f.peers->allowed = "/2";
  }
  CAF_CHECK(read_all(*one, {2 * mega, 4 * mega}) == part_of(f, {2 * mega, 4 * mega}));
  CAF_CHECK_EQUAL(f.asked.load(), 1);
  auto same = f.reader().last({}, "uploads/film.mp4");
  CAF_CHECK(read_all(*same, {5 * mega, 6 * mega}) == part_of(f, {5 * mega, 6 * mega}));
  CAF_CHECK_EQUAL(f.asked.load(), 1);
}

CAF_TEST(a file that was changed is not mixed with the one before) {
  fixture f;
  auto file = f.open();
  auto from = file->read({0, f.version.size});
  CAF_CHECK(take(*from).has_value());
  f.settled();
  {
    std::lock_guard guard{f.peers->mutex};
    f.peers->allowed = "never";
  }
  f.version.size += 1;
  std::string got;
  for (;;) {
    auto more = take(*from);
    if (!more)
      break;
    got += bytes_of(*more);
  }
  CAF_CHECK(got.size() < f.version.size);
  // Who asks anew is given the new one.
  auto now = f.open();
  CAF_CHECK(now->version() == f.version);
  CAF_CHECK(now != file);
}

CAF_TEST(one content has one version) {
  fixture f;
  auto known = f.version;
  known.inode = 99;
  known.mtime_ns += 1'500'000'000;
  auto file = f.reader().open(library_id{raw_id{1, 2}}, "film.mp4", known, f.grant());
  CAF_CHECK(file->version() == known);
  known.size += 1;
  CAF_CHECK(f.reader().open(library_id{raw_id{1, 2}}, "film.mp4", known, f.grant())->version() == f.version);
}

CAF_TEST(those for whom the cache has no room are told to come again) {
  fixture f;
  f.settings.cache_bytes = 6 * mega;
  auto file = f.open();
  auto one = file->read({0, f.version.size});
  auto two = file->read({0, f.version.size});
  auto three = file->read({0, f.version.size});
  CAF_CHECK(take(*one).has_value());
  CAF_CHECK(take(*two).has_value());
  auto refused = take(*three);
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::unavailable);
  CAF_CHECK(refused.error().retry_after > 0ms);
  one.reset();
  CAF_CHECK(take(*file->read({0, 100})).has_value());
}

CAF_TEST(a cache that can not be opened refuses and is tried again) {
  fixture f;
  auto good = f.settings.open;
  bool broken = true;
  f.settings.open = [&]() -> result<far_means> {
    return broken ? result<far_means>{errc::storage_full, "the disk is full"} : good();
  };
  auto file = f.open();
  CAF_CHECK(take(*file->read({0, 100})).error().code == errc::unavailable);
  broken = false;
  CAF_CHECK(take(*file->read({0, 100})).has_value());
}

CAF_TEST(streams may outlive the reader) {
  fixture f;
  auto file = f.open();
  auto from = file->read({0, f.version.size});
  CAF_CHECK(take(*from).has_value());
  f.made.reset();
  from.reset();
  auto late = file->read({0, 100});
  CAF_CHECK(begin(*late).wait_for(50ms) == std::future_status::timeout);
}

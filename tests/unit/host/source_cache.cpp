#define CAF_SUITE host.source_cache

#include "host/source_cache.hpp"

#include "host/cache_map.hpp"
#include "host/files.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/unit_test.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <thread>

using namespace troupe;
namespace fs = std::filesystem;

namespace {

constexpr uint64_t block = 4096;

std::string bytes_of(const std::string& key, uint64_t begin, uint64_t end) {
  std::string out;
  for (auto i = begin; i < end; ++i)
    out += static_cast<char>(key[i % key.size()] + static_cast<char>(i / 97 % 50));
  return out;
}

struct fixture {
  test::temporary_folder folder;
  uint64_t max_bytes = 1 << 20;
  uint64_t bytes_a_map = 64 << 20;
  uint64_t reserve = 0;
  std::function<result<ports::disk_space>(const std::string&)> space;
  std::function<int(int)> sync;

  std::unique_ptr<ports::source_cache> open_cache() {
    auto made = host::open_source_cache({folder.path, max_bytes, bytes_a_map, reserve, space, sync});
    if (!made)
      CAF_FAIL(made.error().message);
    return std::move(*made);
  }

  static std::shared_ptr<ports::cached_source> open(ports::source_cache& cache, const std::string& key, uint64_t size) {
    auto x = cache.open(key, size);
    if (!x)
      CAF_FAIL(x.error().message);
    return *x;
  }

  /// As a fetch does it.
  static void fetch(ports::cached_source& x, const std::string& key, byte_span what) {
    auto text = bytes_of(key, what.begin, what.end);
    CAF_REQUIRE_EQUAL(::pwrite(x.descriptor(), text.data(), text.size(), static_cast<off_t>(what.begin)),
                      static_cast<ssize_t>(text.size()));
    CAF_REQUIRE(x.mark(what).has_value());
  }

  static bool is_true(const ports::cached_source& x, const std::string& key) {
    for (auto span : x.present()) {
      std::string text(span.end - span.begin, '\0');
      if (::pread(x.descriptor(), text.data(), text.size(), static_cast<off_t>(span.begin))
            != static_cast<ssize_t>(text.size())
          || text != bytes_of(key, span.begin, span.end))
        return false;
    }
    return true;
  }

  std::string path_of(const std::string& key, const std::string& suffix) const {
    return folder.path + "/" + host::xxh128_of(key) + suffix;
  }
  std::set<std::string> names() const {
    std::set<std::string> out;
    for (auto& x : fs::directory_iterator{folder.path})
      out.insert(x.path().filename());
    return out;
  }
  uint64_t allocated() const {
    uint64_t out = 0;
    for (auto& name : names()) {
      struct stat facts {};
      if (name.ends_with(".data") && ::stat((folder.path + "/" + name).c_str(), &facts) == 0)
        out += static_cast<uint64_t>(facts.st_blocks) * 512;
    }
    return out;
  }
  void keep(ports::source_cache& cache, const std::string& key, uint64_t size) {
    fetch(*open(cache, key, size), key, {0, size});
  }
};

std::string read_file(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void write_file(const std::string& path, std::string_view text) {
  std::ofstream{path, std::ios::binary} << text;
}

errc code_of(const result<std::shared_ptr<ports::cached_source>>& x) {
  return x ? errc::none : x.error().code;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(source_cache_tests, fixture)

CAF_TEST(what was fetched is there again) {
  {
    auto cache = open_cache();
    auto x = open(*cache, "film", 10 * block);
    CAF_CHECK_EQUAL(x->size(), 10 * block);
    CAF_CHECK(x->present().empty());
    fetch(*x, "film", {0, 100});
    fetch(*x, "film", {5 * block, 6 * block});
    fetch(*x, "film", {100, 300});
    CAF_CHECK((x->present() == std::vector<byte_span>{{0, 300}, {5 * block, 6 * block}}));
    CAF_CHECK(open(*cache, "film", 10 * block) == x);
  }
  auto cache = open_cache();
  auto x = open(*cache, "film", 10 * block);
  CAF_CHECK((x->present() == std::vector<byte_span>{{0, 300}, {5 * block, 6 * block}}));
  CAF_CHECK(is_true(*x, "film"));
  auto reading = x->open_for_reading();
  CAF_REQUIRE(reading.has_value());
  char byte = 0;
  CAF_CHECK_EQUAL(::pread(reading->get(), &byte, 1, 5 * block), 1);
  CAF_CHECK_EQUAL(byte, bytes_of("film", 5 * block, 5 * block + 1)[0]);
  CAF_CHECK_EQUAL(::write(reading->get(), &byte, 1), -1);
  CAF_CHECK_EQUAL(::fcntl(reading->get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

CAF_TEST(no bytes of other files are marked) {
  auto cache = open_cache();
  auto x = open(*cache, "film", 100);
  CAF_CHECK(!x->mark({0, 101}));
  CAF_CHECK(!x->mark({60, 50}));
  CAF_CHECK(x->mark({100, 100}).has_value());
  CAF_CHECK(x->present().empty());
  CAF_CHECK(open(*cache, "empty", 0)->present().empty());
}

CAF_TEST(another size is another file) {
  auto cache = open_cache();
  auto x = open(*cache, "film", 2 * block);
  fetch(*x, "film", {0, block});
  CAF_CHECK(code_of(cache->open("film", block)) == errc::conflict);
  x.reset();
  CAF_CHECK(open(*cache, "film", block)->present().empty());
}

CAF_TEST(what was not used for longest goes first and what is held stays) {
  max_bytes = 4 * 16 * block;
  auto cache = open_cache();
  for (auto* key : {"a", "b", "c", "d"})
    keep(*cache, key, 16 * block);
  auto held = open(*cache, "b", 16 * block);
  // a is used again, so c is the oldest that nobody holds.
  open(*cache, "a", 16 * block);
  CAF_REQUIRE(cache->make_room(16 * block).has_value());
  CAF_CHECK(!fs::exists(path_of("c", ".data")) && !fs::exists(path_of("c", ".map")));
  CAF_CHECK(fs::exists(path_of("a", ".data")) && fs::exists(path_of("d", ".data")));
  CAF_REQUIRE(cache->make_room(3 * 16 * block).has_value());
  CAF_CHECK_EQUAL(names().size(), 2u);
  CAF_CHECK(is_true(*held, "b"));
  auto too_much = cache->make_room(3 * 16 * block + 1);
  CAF_REQUIRE(!too_much);
  CAF_CHECK(too_much.error().code == errc::storage_full);
  CAF_CHECK(cache->make_room(max_bytes + 1).error().code == errc::storage_full);
  held.reset();
  CAF_CHECK(cache->make_room(max_bytes).has_value());
  CAF_CHECK(names().empty());
}

CAF_TEST(the order of use outlives the process) {
  max_bytes = 4 * 16 * block;
  {
    auto cache = open_cache();
    for (auto* key : {"a", "b", "c"}) {
      keep(*cache, key, 16 * block);
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    open(*cache, "a", 16 * block);
  }
  auto cache = open_cache();
  CAF_REQUIRE(cache->make_room(2 * 16 * block).has_value());
  CAF_CHECK(!fs::exists(path_of("b", ".data")) && fs::exists(path_of("a", ".data"))
            && fs::exists(path_of("c", ".data")));
  // A smaller cache throws away what it must when it is opened.
  cache.reset();
  max_bytes = 16 * block;
  cache = open_cache();
  CAF_CHECK(fs::exists(path_of("a", ".data")) && !fs::exists(path_of("c", ".data")));
}

CAF_TEST(without room for a byte more nothing new is opened) {
  max_bytes = 2 * block;
  auto cache = open_cache();
  auto x = open(*cache, "film", 2 * block);
  fetch(*x, "film", {0, 2 * block});
  CAF_CHECK(code_of(cache->open("other", 10)) == errc::storage_full);
  CAF_CHECK(cache->open("film", 2 * block).has_value());
  x.reset();
  CAF_CHECK(code_of(cache->open("other", 10)) == errc::none);
}

CAF_TEST(what is dropped is gone even while it is held) {
  auto cache = open_cache();
  auto x = open(*cache, "film", 4 * block);
  fetch(*x, "film", {0, block});
  cache->drop("film");
  cache->drop("never seen");
  CAF_CHECK(names().empty());
  // Its holder may go on, for itself.
  fetch(*x, "film", {block, 2 * block});
  CAF_CHECK(is_true(*x, "film"));
  CAF_CHECK(x->open_for_reading().has_value());
  auto again = open(*cache, "film", 4 * block);
  CAF_CHECK(again != x);
  CAF_CHECK(again->present().empty());
  fetch(*again, "film", {0, 10});
  x.reset();
  again.reset();
  CAF_CHECK((open(*cache, "film", 4 * block)->present() == std::vector<byte_span>{{0, 10}}));
}

CAF_TEST(the cache may go before what it has opened) {
  auto cache = open_cache();
  auto x = open(*cache, "film", block);
  cache.reset();
  fetch(*x, "film", {0, 10});
  x.reset();
  cache = open_cache();
  CAF_CHECK((open(*cache, "film", block)->present() == std::vector<byte_span>{{0, 10}}));
}

CAF_TEST(what takes the name of the folder is not touched) {
  test::temporary_folder beside;
  const auto moved = beside.path + "/moved";
  keep(*open_cache(), "old", 2 * block);
  auto cache = open_cache();
  keep(*cache, "kept", 2 * block);
  // As a mount over it does; the other one is a cache, too, of a node that uses it.
  fs::rename(folder.path, moved);
  fs::create_directory(folder.path);
  for (auto* key : {"old", "kept", "fresh"})
    write_file(path_of(key, ".data"), "of another node");
  const auto theirs = names();
  CAF_CHECK((open(*cache, "kept", 2 * block)->present() == std::vector<byte_span>{{0, 2 * block}}));
  CAF_CHECK(is_true(*open(*cache, "old", 2 * block), "old"));
  keep(*cache, "fresh", block);
  {
    auto held = open(*cache, "fresh", block);
    CAF_CHECK(is_true(*held, "fresh"));
    CAF_CHECK(held->sync().has_value());
  }
  cache->drop("kept");
  CAF_REQUIRE(cache->make_room(max_bytes).has_value());
  CAF_CHECK(names() == theirs);
  for (auto* key : {"old", "kept", "fresh"})
    CAF_CHECK_EQUAL(read_file(path_of(key, ".data")), "of another node");
  CAF_CHECK(fs::is_empty(moved));
}

CAF_TEST(a folder that is gone is an error of the cache and not of the file) {
  auto cache = open_cache();
  auto held = open(*cache, "film", 2 * block);
  fs::remove_all(folder.path);
  auto opened = cache->open("other", block);
  CAF_REQUIRE(!opened);
  CAF_CHECK(opened.error().code == errc::io);
  CAF_CHECK(default_class(opened.error().code) == error_class::transient);
  CAF_CHECK(opened.error().message.find("the cache of other nodes' files in " + folder.path) != std::string::npos);
  CAF_CHECK(opened.error().message.find("/proc/") == std::string::npos);
  auto text = bytes_of("film", 0, block);
  CAF_REQUIRE_EQUAL(::pwrite(held->descriptor(), text.data(), block, 0), static_cast<ssize_t>(block));
  CAF_REQUIRE(held->mark({0, block}).has_value());
  auto written = held->sync();
  CAF_REQUIRE(!written);
  CAF_CHECK(written.error().code == errc::io);
  // What is open stays so.
  CAF_CHECK(is_true(*held, "film"));
}

CAF_TEST(a map that is cut anywhere is thrown away with its data) {
  {
    auto cache = open_cache();
    auto x = open(*cache, "film", 3 * block);
    fetch(*x, "film", {0, 10});
    fetch(*x, "film", {block, block + 10});
  }
  auto map = read_file(path_of("film", ".map"));
  auto data = read_file(path_of("film", ".data"));
  auto reopened = [&](std::string_view text) {
    write_file(path_of("film", ".data"), data);
    write_file(path_of("film", ".map"), text);
    auto cache = open_cache();
    bool kept = fs::exists(path_of("film", ".map"));
    CAF_CHECK_EQUAL(kept, fs::exists(path_of("film", ".data")));
    return kept;
  };
  CAF_REQUIRE(reopened(map));
  for (size_t n = 0; n < map.size(); ++n)
    if (reopened(std::string_view{map}.substr(0, n)))
      CAF_FAIL("cut after " << n);
  for (size_t n = 0; n < map.size(); ++n)
    for (int bit = 0; bit < 8; ++bit) {
      auto other = map;
      other[n] = static_cast<char>(other[n] ^ 1 << bit);
      if (host::decode_cache_map(other))
        CAF_FAIL("byte " << n << ", bit " << bit);
    }
  CAF_CHECK(!reopened(map + map));
  CAF_CHECK(!reopened(map + " "));
  // True, but of another key.
  CAF_CHECK(!reopened(host::encode(host::cache_map{"other", 3 * block, {}})));
}

CAF_TEST(a map says only what can be) {
  auto good = [](const host::cache_map& x) { return host::decode_cache_map(host::encode(x)).has_value(); };
  CAF_CHECK(good({"k", 100, {{0, 10}, {20, 100}}}));
  CAF_CHECK(good({"key\nwith \n lines", 0, {}}));
  CAF_CHECK(!good({"k", 100, {{0, 101}}}));
  CAF_CHECK(!good({"k", 100, {{5, 5}}}));
  CAF_CHECK(!good({"k", 100, {{0, 10}, {10, 20}}}));
  CAF_CHECK(!good({"k", 100, {{20, 30}, {0, 10}}}));
}

CAF_TEST(leftovers of a crash go and other names stay) {
  {
    auto cache = open_cache();
    keep(*cache, "film", block);
  }
  write_file(path_of("a", ".data"), "begun, no map yet");
  write_file(path_of("b", ".map"), read_file(path_of("film", ".map")));
  write_file(path_of("film", ".map.new"), "half a m");
  write_file(folder / "README", "a person's");
  write_file(folder / "0123.data", "a person's");
  fs::create_directory(folder / "folder.data");
  auto cache = open_cache();
  CAF_CHECK((names()
             == std::set<std::string>{"0123.data", "README", "folder.data", host::xxh128_of("film") + ".data",
                                      host::xxh128_of("film") + ".map"}));
  CAF_CHECK((open(*cache, "film", block)->present() == std::vector<byte_span>{{0, block}}));
}

CAF_TEST(data of another size than its map is thrown away) {
  {
    auto cache = open_cache();
    keep(*cache, "film", 2 * block);
  }
  CAF_REQUIRE_EQUAL(::truncate(path_of("film", ".data").c_str(), block), 0);
  auto cache = open_cache();
  CAF_CHECK(names().empty());
}

CAF_TEST(what a killed process had not written down is not believed) {
  bytes_a_map = 2 * block;
  auto cache = open_cache();
  auto x = open(*cache, "film", 8 * block);
  fetch(*x, "film", {0, block});
  CAF_CHECK(!fs::exists(path_of("film", ".map")));
  fetch(*x, "film", {block, 2 * block});
  CAF_REQUIRE(fs::exists(path_of("film", ".map")));
  fetch(*x, "film", {4 * block, 5 * block});
  // As the folder would be found after kill -9 here.
  test::temporary_folder after;
  fs::copy(folder.path, after.path, fs::copy_options::recursive);
  auto found = host::open_source_cache({after.path, max_bytes, bytes_a_map});
  CAF_REQUIRE(found.has_value());
  auto again = open(**found, "film", 8 * block);
  CAF_CHECK((again->present() == std::vector<byte_span>{{0, 2 * block}}));
  CAF_CHECK(is_true(*again, "film"));
}

CAF_TEST(a full disk is told and nothing false is written down) {
  auto mounted = folder.path;
  if (::mount("tmpfs", mounted.c_str(), "tmpfs", 0, "size=64k") != 0) {
    std::cerr << "SKIPPED: a full disk is told (mounting is not allowed here)\n";
    return;
  }
  {
    bytes_a_map = 1;
    auto cache = open_cache();
    auto x = open(*cache, "film", 8 * block);
    fetch(*x, "film", {0, block});
    write_file(mounted + "/filler", std::string(1 << 20, 'x'));
    auto marked = x->mark({block, 2 * block});
    CAF_REQUIRE(!marked);
    CAF_CHECK(marked.error().code == errc::storage_full);
    CAF_CHECK(!fs::exists(path_of("film", ".map.new")));
    fs::remove(mounted + "/filler");
    CAF_CHECK(x->mark({2 * block, 2 * block}).has_value());
  }
  {
    auto cache = open_cache();
    CAF_CHECK_EQUAL(open(*cache, "film", 8 * block)->present().size(), 1u);
  }
  ::umount2(mounted.c_str(), MNT_DETACH);
}

CAF_TEST(the disk keeps its reserve as long as there is something that can go) {
  max_bytes = 1000 * block;
  reserve = 20 * block;
  uint64_t others = 0;
  space = [&](const std::string& where) -> result<ports::disk_space> {
    CAF_CHECK_EQUAL(where, folder.path);
    return ports::disk_space{1600 * block, 160 * block - std::min(160 * block, allocated() + others)};
  };
  auto cache = open_cache();
  for (auto* key : {"a", "b", "c", "d"})
    keep(*cache, key, 32 * block);
  // 32 are left, and 20 of them are not for us.
  CAF_REQUIRE(cache->make_room(12 * block).has_value());
  CAF_CHECK(fs::exists(path_of("a", ".data")));
  CAF_REQUIRE(cache->make_room(13 * block).has_value());
  CAF_CHECK(!fs::exists(path_of("a", ".data")) && fs::exists(path_of("b", ".data")));
  // Others fill the disk, and somebody reads: what is held stays, and what is left of the reserve may be used.
  auto held = open(*cache, "b", 32 * block);
  others = 60 * block;
  CAF_CHECK(cache->make_room(block).has_value());
  CAF_CHECK(fs::exists(path_of("b", ".data")) && !fs::exists(path_of("c", ".data"))
            && fs::exists(path_of("d", ".data")));
  others = 160 * block;
  CAF_CHECK(cache->make_room(block).has_value());
  CAF_CHECK(fs::exists(path_of("b", ".data")) && !fs::exists(path_of("d", ".data")));
  CAF_CHECK(is_true(*held, "b"));
  // It goes as soon as nobody has it any more.
  held.reset();
  CAF_CHECK(names().empty());
  // Of a small disk a sixteenth.
  reserve = 1000 * block;
  others = 0;
  cache = open_cache();
  keep(*cache, "a", 32 * block);
  CAF_CHECK(cache->make_room(28 * block).has_value() && fs::exists(path_of("a", ".data")));
  CAF_CHECK(cache->make_room(29 * block).has_value() && !fs::exists(path_of("a", ".data")));
  space = [](const std::string&) -> result<ports::disk_space> { return error{errc::io, "no such disk"}; };
  cache.reset();
  auto broken = host::open_source_cache({folder.path, max_bytes, bytes_a_map, reserve, space});
  CAF_REQUIRE(!broken);
  CAF_CHECK(broken.error().code == errc::io);
}

CAF_TEST(a disk that is fuller than it says) {
  max_bytes = 1000 * block;
  auto cache = open_cache();
  for (auto* key : {"a", "b", "c"})
    keep(*cache, key, 16 * block);
  auto held = open(*cache, "b", 16 * block);
  CAF_CHECK(cache->disk_full(block).has_value());
  CAF_CHECK(!fs::exists(path_of("a", ".data")) && fs::exists(path_of("c", ".data")));
  CAF_CHECK(cache->disk_full(1000 * block).has_value());
  CAF_CHECK(!fs::exists(path_of("c", ".data")));
  auto none = cache->disk_full(block);
  CAF_REQUIRE(!none);
  CAF_CHECK(none.error().code == errc::storage_full);
  CAF_CHECK(is_true(*held, "b"));
}

CAF_TEST(a map for which there is no room takes that of what nobody holds) {
  auto mounted = folder.path;
  if (::mount("tmpfs", mounted.c_str(), "tmpfs", 0, "size=128k") != 0) {
    std::cerr << "SKIPPED: a map for which there is no room (mounting is not allowed here)\n";
    return;
  }
  {
    bytes_a_map = 1;
    auto cache = open_cache();
    keep(*cache, "old", 4 * block);
    keep(*cache, "newer", 4 * block);
    auto x = open(*cache, "film", 8 * block);
    write_file(mounted + "/filler", std::string(1 << 20, 'x'));
    // There is no page left for the file's bytes either: who fetches them is told so, and asks for room.
    auto text = bytes_of("film", 0, block);
    CAF_CHECK_EQUAL(::pwrite(x->descriptor(), text.data(), block, 0), -1);
    CAF_REQUIRE(cache->disk_full(block).has_value());
    CAF_CHECK(!fs::exists(path_of("old", ".data")) && fs::exists(path_of("newer", ".data")));
    fetch(*x, "film", {0, block});
    std::ofstream{mounted + "/filler", std::ios::app} << std::string(1 << 20, 'x');
    CAF_CHECK_EQUAL(host::files{}.space(mounted)->available, 0u);
    CAF_CHECK(x->mark({block, block + 1}).has_value());
    CAF_CHECK(!fs::exists(path_of("newer", ".data")));
    // By the disk's word alone it would have been the same.
    fs::remove(mounted + "/filler");
    keep(*cache, "other", 4 * block);
    write_file(mounted + "/filler", std::string(1 << 20, 'x'));
    CAF_CHECK(cache->make_room(block).has_value());
    CAF_CHECK(!fs::exists(path_of("other", ".data")));
  }
  ::umount2(mounted.c_str(), MNT_DETACH);
}

CAF_TEST(what could not be synced is never trusted again) {
  bytes_a_map = block;
  std::atomic<int> broken{0};
  sync = [&](int fd) {
    if (broken == 0)
      return ::fdatasync(fd);
    errno = broken;
    return -1;
  };
  for (auto number : {EIO, ENOSPC}) {
    broken = 0;
    auto cache = open_cache();
    auto x = open(*cache, "film", 8 * block);
    fetch(*x, "film", {0, block});
    CAF_REQUIRE(fs::exists(path_of("film", ".map")));
    CAF_CHECK(!x->lost());
    broken = number;
    auto marked = x->mark({block, 2 * block});
    CAF_REQUIRE(!marked);
    CAF_CHECK(marked.error().code == (number == EIO ? errc::io : errc::storage_full));
    CAF_CHECK(x->lost());
    CAF_CHECK(!x->sync().has_value());
    // Neither it nor what was synced before is there for anybody else, and the disk says that it is well again.
    CAF_CHECK(names().empty());
    broken = 0;
    auto again = open(*cache, "film", 8 * block);
    CAF_CHECK(again != x);
    CAF_CHECK(again->present().empty() && !again->lost());
    fetch(*again, "film", {4 * block, 5 * block});
    (void)x->mark({2 * block, 4 * block});
    x.reset();
    CAF_CHECK((open(*cache, "film", 8 * block)->present() == std::vector<byte_span>{{4 * block, 5 * block}}));
    again.reset();
    cache.reset();
    cache = open_cache();
    auto kept = open(*cache, "film", 8 * block);
    CAF_CHECK((kept->present() == std::vector<byte_span>{{4 * block, 5 * block}}));
    CAF_CHECK(is_true(*kept, "film"));
    // The same where only the last holder finds out.
    bytes_a_map = 64 << 20;
    fetch(*kept, "film", {0, 10});
    kept.reset();
    cache->drop("film");
    cache.reset();
    cache = open_cache();
    kept = open(*cache, "late", 8 * block);
    fetch(*kept, "late", {0, block});
    broken = number;
    kept.reset();
    CAF_CHECK(names().empty());
    broken = 0;
    CAF_CHECK(open(*cache, "late", 8 * block)->present().empty());
    cache->drop("late");
    bytes_a_map = block;
  }
}

CAF_TEST(many threads use one cache) {
  max_bytes = 64 * block;
  bytes_a_map = 2 * block;
  auto cache = open_cache();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int i = 0; i < 150; ++i) {
        auto key = "film" + std::to_string(random() % 6);
        auto x = cache->open(key, 16 * block);
        if (!x) {
          wrong += x.error().code != errc::storage_full;
          continue;
        }
        auto begin = random() % 16 * block;
        auto text = bytes_of(key, begin, begin + block);
        wrong += ::pwrite((*x)->descriptor(), text.data(), text.size(), static_cast<off_t>(begin)) < 0;
        wrong += !(*x)->mark({begin, begin + block});
        wrong += !is_true(**x, key);
        (void)cache->make_room(block);
        if (random() % 20 == 0)
          cache->drop(key);
      }
    });
  for (auto& t : threads)
    t.join();
  CAF_CHECK_EQUAL(wrong.load(), 0);
  cache.reset();
  cache = open_cache();
  for (int i = 0; i < 6; ++i) {
    auto key = "film" + std::to_string(i);
    CAF_CHECK(is_true(*open(*cache, key, 16 * block), key));
  }
}

CAF_TEST(any sequence of calls and restarts keeps the promises) {
  test::for_seeds(40, [&](uint64_t seed) {
    std::mt19937_64 random{seed};
    auto pick = [&](uint64_t n) { return random() % n; };
    test::temporary_folder root;
    max_bytes = (8 + pick(40)) * block;
    const auto mapped = (1 + pick(6)) * block;
    auto path = root / "0";
    // Some disks fail now and then, and what is free on them changes.
    const auto fails = pick(3) == 0 ? 10 : 0;
    auto flaky = [&](int fd) {
      if (fails == 0 || pick(fails) != 0)
        return ::fdatasync(fd);
      errno = EIO;
      return -1;
    };
    auto any_space = [&](const std::string&) -> result<ports::disk_space> {
      return ports::disk_space{64 * max_bytes, pick(4) == 0 ? pick(max_bytes) : 64 * max_bytes};
    };
    auto opened = [&](const std::string& where) {
      auto x = host::open_source_cache({where, max_bytes, mapped, max_bytes / 2, any_space, flaky});
      CAF_REQUIRE(x.has_value());
      return std::move(*x);
    };
    auto cache = opened(path);
    std::map<std::string, std::shared_ptr<ports::cached_source>> held;
    // What was marked since the key was last begun anew: nothing else may ever be believed.
    std::map<std::string, byte_spans> marked;
    auto believed = [&](const std::string& key, const ports::cached_source& x) {
      CAF_REQUIRE(is_true(x, key));
      for (auto span : x.present())
        CAF_REQUIRE(marked[key].missing(span).empty());
    };
    for (int step = 0; step < 120; ++step) {
      auto key = "film" + std::to_string(pick(7));
      switch (pick(9)) {
      case 0:
      case 1:
        if (auto x = cache->open(key, 16 * block)) {
          believed(key, **x);
          held[key] = *x;
        } else {
          CAF_REQUIRE(x.error().code == errc::storage_full);
        }
        break;
      case 2:
      case 3:
      case 4:
        if (auto i = held.find(key); i != held.end()) {
          auto begin = pick(16 * block);
          byte_span span{begin, begin + 1 + pick(16 * block - begin)};
          if (!cache->make_room(span.end - span.begin))
            break;
          auto text = bytes_of(key, span.begin, span.end);
          CAF_REQUIRE_EQUAL(::pwrite(i->second->descriptor(), text.data(), text.size(), static_cast<off_t>(span.begin)),
                            static_cast<ssize_t>(text.size()));
          if (!i->second->mark(span) || i->second->lost()) {
            CAF_REQUIRE(fails != 0 && i->second->lost());
            held.erase(i);
            marked[key] = {};
            break;
          }
          marked[key].add(span);
          CAF_REQUIRE(marked[key].missing(span).empty());
          CAF_REQUIRE(byte_spans{}.missing(span).size() == 1);
        }
        break;
      case 5:
        held.erase(key);
        break;
      case 6:
        cache->drop(key);
        held.erase(key);
        marked[key] = {};
        break;
      case 7:
        if (auto room = pick(max_bytes); cache->make_room(room)) {
          uint64_t used = 0;
          for (auto& x : fs::directory_iterator{path}) {
            struct stat facts {};
            if (x.path().extension() == ".data" && ::stat(x.path().c_str(), &facts) == 0)
              used += static_cast<uint64_t>(facts.st_blocks) * 512;
          }
          CAF_REQUIRE(used + room <= max_bytes);
        }
        break;
      default:
        // Killed: what is on the disk now is what the next process finds.
        auto next = root / std::to_string(step + 1);
        fs::copy(path, next, fs::copy_options::recursive);
        path = next;
        held.clear();
        cache = opened(path);
      }
    }
    held.clear();
    cache = opened(path);
    for (int i = 0; i < 7; ++i) {
      auto key = "film" + std::to_string(i);
      if (auto x = cache->open(key, 16 * block))
        believed(key, **x);
    }
  });
}

CAF_TEST_FIXTURE_SCOPE_END()

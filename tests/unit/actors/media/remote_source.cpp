#define CAF_SUITE media.remote_source

#include "actors/media/remote_source.hpp"

#include "tests/support/fake_peers.hpp"
#include "tests/support/seeds.hpp"

#include <caf/make_message.hpp>

#include <fcntl.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <thread>

using namespace troupe;
using namespace troupe::test;
using namespace troupe::work;
using namespace std::chrono_literals;

namespace {

constexpr uint64_t kilo = 1024;
constexpr uint64_t mega = 1024 * kilo;

struct fixture {
  explicit fixture(uint64_t size = 8 * mega) :
    peers(std::make_shared<fake_peers>(content_of(size))), cache(std::make_shared<fake_cache>()) {
    // As in far_files.cpp.
    how.give_up = 10s;
    how.delay = {1ms, 5ms, 2, 0};
    what = {"k", size, "film.mkv", "north"};
  }
  remote_sources& sources() {
    if (!sources_)
      sources_.emplace(
        cache, peers, time, [] { return uint64_t{0}; }, how);
    return *sources_;
  }
  std::unique_ptr<remote_source> open() {
    auto out = sources().open(what, [this] { return address(); });
    CAF_REQUIRE(out.has_value());
    return std::move(*out);
  }
  result<file_address> address() {
    ++addresses;
    if (refuse_address)
      return *refuse_address;
    return file_address{"https://north/" + std::to_string(addresses)};
  }
  uint64_t fetched() {
    std::lock_guard guard{peers->mutex};
    return peers->total;
  }
  /// Until nothing more comes ahead of time.
  uint64_t settled() {
    for (auto before = fetched();;) {
      std::this_thread::sleep_for(30ms);
      if (auto now = fetched(); now == before)
        return now;
      else
        before = now;
    }
  }

  system_clocks time;
  remote_settings how;
  remote_file what;
  std::shared_ptr<fake_peers> peers;
  std::shared_ptr<fake_cache> cache;
  std::atomic<int> addresses{0};
  std::optional<error> refuse_address;
  std::optional<remote_sources> sources_;
};

std::future<result<byte_span>> ask(byte_supply& supply, byte_span wanted) {
  auto promise = std::make_shared<std::promise<result<byte_span>>>();
  auto out = promise->get_future();
  supply.need(wanted, [promise](result<byte_span> x) { promise->set_value(std::move(x)); });
  return out;
}

result<byte_span> get(byte_supply& supply, byte_span wanted) {
  auto answer = ask(supply, wanted);
  if (answer.wait_for(20s) != std::future_status::ready)
    throw std::runtime_error("no answer to a need");
  return answer.get();
}

/// Whether the file holds there what the node served.
bool holds(const operation_file& file, const fixture& f, byte_span x) {
  std::string there(x.end - x.begin, '\0');
  return ::pread(file.fd->get(), there.data(), there.size(), static_cast<off_t>(x.begin))
           == static_cast<ssize_t>(there.size())
         && there == f.peers->content.substr(x.begin, there.size());
}

/// As an executor reads from one place to another.
void read_through(const operation_file& file, const fixture& f, byte_span x) {
  while (x.begin < x.end) {
    auto there = get(*file.supply, {x.begin, std::min(x.end, x.begin + 64 * kilo)});
    CAF_REQUIRE(there.has_value());
    CAF_REQUIRE(holds(file, f, *there));
    x.begin = there->end;
  }
}

} // namespace

CAF_TEST(an operation gets the bytes that it needs) {
  fixture f;
  auto source = f.open();
  auto file = source->file();
  CAF_REQUIRE(file && file->supply);
  CAF_CHECK_EQUAL(file->supply->size(), 8 * mega);
  auto there = get(*file->supply, {5 * mega, 5 * mega + 1000});
  CAF_REQUIRE(there.has_value());
  CAF_CHECK(*there == (byte_span{5 * mega, 5 * mega + 1000}));
  CAF_CHECK(holds(*file, f, *there));
  CAF_CHECK_EQUAL(f.settled(), 1000u);
  CAF_CHECK_EQUAL(f.addresses.load(), 1);
  // Again: nothing is fetched.
  CAF_CHECK(get(*file->supply, {5 * mega + 10, 5 * mega + 20}).has_value());
  CAF_CHECK_EQUAL(f.settled(), 1000u);
  // And by another attempt, later: the node keeps it.
  file = error{errc::none};
  source.reset();
  source = f.open();
  file = source->file();
  CAF_CHECK(get(*file->supply, {5 * mega, 5 * mega + 1000}).has_value());
  CAF_CHECK_EQUAL(f.settled(), 1000u);
}

CAF_TEST(what comes next is fetched while nobody asks) {
  fixture f{32 * mega};
  auto source = f.open();
  auto file = source->file(32 * mega);
  read_through(*file, f, {0, mega});
  auto before = f.settled();
  CAF_CHECK(before > mega + 100 * kilo);
  read_through(*file, f, {mega, 32 * mega});
  CAF_CHECK_EQUAL(f.settled(), 32 * mega);
  CAF_CHECK(!f.cache->files["k"]->twice);
  // In few pieces.
  CAF_CHECK(f.peers->asked.size() < 100);
}

CAF_TEST(who tells what it is going to read gets it in few fetches and nothing else) {
  fixture f;
  auto source = f.open();
  auto file = source->file(8 * mega);
  read_through(*file, f, {0, 64 * kilo});
  const auto before = f.settled();
  std::vector<byte_span> pieces;
  for (uint64_t at = mega; at < 7 * mega; at += 20 * kilo)
    pieces.push_back({at, at + 700});
  file->supply->announce(pieces);
  CAF_CHECK_EQUAL(f.settled(), before + pieces.size() * 700);
  for (auto& x : pieces) {
    auto there = get(*file->supply, x);
    CAF_REQUIRE(there && *there == x);
    CAF_CHECK(holds(*file, f, x));
  }
  // Nothing came ahead of it.
  CAF_CHECK_EQUAL(f.settled(), before + pieces.size() * 700);
  CAF_CHECK(f.peers->requests.size() < 20);
  CAF_CHECK(!f.cache->files["k"]->twice);
  // Some of them fail, and come when they are needed.
  for (auto& x : pieces)
    x = {x.begin + 5 * kilo, x.begin + 6 * kilo};
  f.peers->fail(errc::io, 10'000, 2);
  file->supply->announce(pieces);
  for (auto& x : pieces)
    CAF_REQUIRE(get(*file->supply, x).has_value() && holds(*file, f, x));
  CAF_CHECK(!f.cache->files["k"]->twice);
}

CAF_TEST(two attempts that read the same file fetch each byte once) {
  fixture f;
  auto one = f.open();
  auto two = f.open();
  auto a = one->file(8 * mega);
  auto b = two->file(8 * mega);
  std::thread other([&] { read_through(*b, f, {0, 8 * mega}); });
  read_through(*a, f, {0, 8 * mega});
  other.join();
  CAF_CHECK_EQUAL(f.settled(), 8 * mega);
  CAF_CHECK(!f.cache->files["k"]->twice);
}

CAF_TEST(a transfer that breaks off goes on where it was) {
  fixture f;
  auto source = f.open();
  auto file = source->file(8 * mega);
  f.peers->fail(errc::unavailable, 10'000);
  f.peers->fail(errc::timeout, 1);
  f.peers->fail(errc::io, 0, 3);
  read_through(*file, f, {0, 8 * mega});
  CAF_CHECK_EQUAL(f.settled(), 8 * mega);
  CAF_CHECK(!f.cache->files["k"]->twice);
}

CAF_TEST(an address that has expired is replaced and one that is never taken is not asked for for ever) {
  fixture f;
  auto source = f.open();
  auto file = source->file();
  CAF_CHECK(get(*file->supply, {0, 10}).has_value());
  {
    std::lock_guard guard{f.peers->mutex};
    f.peers->allowed = "/2";
  }
  CAF_CHECK(get(*file->supply, {1000, 1010}).has_value());
  CAF_CHECK_EQUAL(f.addresses.load(), 2);
  {
    std::lock_guard guard{f.peers->mutex};
    f.peers->allowed = "never";
  }
  auto refused = get(*file->supply, {2000, 2010});
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::forbidden);
  CAF_CHECK(refused.error().message.find("film.mkv") != std::string::npos);
  CAF_CHECK(refused.error().message.find("north") != std::string::npos);
  CAF_CHECK_EQUAL(f.addresses.load(), 5);
  // It stays so for this attempt, not for the next one.
  CAF_CHECK(get(*file->supply, {3000, 3010}).error().code == errc::forbidden);
  CAF_CHECK_EQUAL(f.addresses.load(), 5);
  {
    std::lock_guard guard{f.peers->mutex};
    f.peers->allowed = "";
  }
  auto next = f.open();
  auto same = next->file();
  CAF_CHECK(get(*same->supply, {3000, 3010}).has_value());
}

CAF_TEST(a node that was started anew is found where it listens now) {
  fixture f;
  auto source = f.open();
  auto file = source->file();
  CAF_CHECK(get(*file->supply, {0, 10}).has_value());
  {
    std::lock_guard guard{f.peers->mutex};
    f.peers->moved_from = "/1";
  }
  CAF_CHECK(get(*file->supply, {mega, mega + 10}).has_value());
  CAF_CHECK_EQUAL(f.addresses.load(), 2);
}

CAF_TEST(no address) {
  fixture f;
  f.refuse_address = error{errc::stale_lease, "the lease has ended"};
  auto source = f.open();
  auto file = source->file();
  CAF_CHECK(get(*file->supply, {0, 10}).error().code == errc::stale_lease);
  fixture g;
  g.how.give_up = 300ms;
  g.refuse_address = error{errc::unavailable, "the coordinator is away"};
  auto later = g.open();
  auto waits = later->file();
  auto refused = get(*waits->supply, {0, 10});
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::unavailable);
  CAF_CHECK(refused.error().message.find("the coordinator is away") != std::string::npos);
}

CAF_TEST(a node that stays away is given up) {
  fixture f;
  f.how.give_up = 300ms;
  auto source = f.open();
  auto file = source->file();
  f.peers->fail(errc::unavailable, 0, 100'000);
  auto since = std::chrono::steady_clock::now();
  auto refused = get(*file->supply, {0, 10});
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::unavailable);
  CAF_CHECK(refused.error().message.find("film.mkv: node north") == 0);
  CAF_CHECK(std::chrono::steady_clock::now() - since < 5s);
  fixture silent;
  silent.how.give_up = 300ms;
  auto other = silent.open();
  auto waits = other->file();
  silent.peers->freeze(true);
  since = std::chrono::steady_clock::now();
  CAF_CHECK(get(*waits->supply, {0, 10}).error().code == errc::unavailable);
  // In the whole milliseconds of the product's clock.
  CAF_CHECK(std::chrono::steady_clock::now() - since >= 299ms);
}

CAF_TEST(a file that is another one by now or is gone) {
  const std::pair<errc, errc> cases[]{{errc::conflict, errc::io}, {errc::not_found, errc::not_found}};
  for (auto [said, code] : cases) {
    fixture f;
    auto source = f.open();
    auto file = source->file();
    // All that the coordinator can name; of one alone that would say nothing.
    f.peers->fail(said, 0, 100);
    auto refused = get(*file->supply, {0, 10});
    CAF_REQUIRE(!refused);
    CAF_CHECK(refused.error().code == code);
    CAF_CHECK(refused.error().message.find("while it was read") != std::string::npos || said == errc::not_found);
    auto served = f.peers->served;
    CAF_CHECK(get(*file->supply, {0, 10}).error().code == code);
    CAF_CHECK_EQUAL(f.peers->served, served);
  }
}

CAF_TEST(a file that one node has and another has not ) {
  for (auto said : {errc::conflict, errc::not_found, errc::unavailable, errc::timeout}) {
    fixture f;
    auto source = f.open();
    auto file = source->file();
    f.peers->fail(said);
    CAF_CHECK(get(*file->supply, {0, 10}).has_value());
    // It was asked who else has it.
    CAF_CHECK_EQUAL(f.addresses.load(), 2);
  }
  // What the coordinator says is so everywhere.
  for (auto said : {errc::conflict, errc::not_found}) {
    fixture f;
    f.refuse_address = error{said, "as the test wants"};
    auto source = f.open();
    auto file = source->file();
    CAF_CHECK(!get(*file->supply, {0, 10}));
    CAF_CHECK_EQUAL(f.addresses.load(), 1);
  }
}

CAF_TEST(no room for more) {
  fixture f;
  auto source = f.open();
  auto file = source->file();
  f.cache->full = true;
  CAF_CHECK(get(*file->supply, {0, 10}).error().code == errc::storage_full);
  // Room was made.
  f.cache->full = false;
  CAF_CHECK(get(*file->supply, {0, 10}).has_value());
  f.peers->fail(errc::storage_full);
  CAF_CHECK(get(*file->supply, {100, 110}).error().code == errc::storage_full);
  CAF_CHECK(get(*file->supply, {100, 110}).has_value());
}

CAF_TEST(a disk that is full is made room on) {
  fixture f;
  auto source = f.open();
  auto file = source->file();
  f.cache->can_go = 3;
  f.peers->fail(errc::storage_full, 0, 3);
  CAF_CHECK(get(*file->supply, {0, 10}).has_value());
  CAF_CHECK_EQUAL(f.cache->can_go, 0);
  // Until nothing is left that could go.
  f.cache->can_go = 2;
  f.peers->fail(errc::storage_full, 0, 3);
  auto refused = get(*file->supply, {100, 110});
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::storage_full);
  CAF_CHECK_EQUAL(f.cache->can_go, 0);
}

CAF_TEST(what the disk has not kept is believed by nobody) {
  fixture f;
  auto one = f.open();
  auto two = f.open();
  auto a = one->file();
  auto b = two->file();
  CAF_CHECK(get(*a->supply, {0, 10}).has_value());
  CAF_CHECK(one->check_kept().has_value());
  f.cache->files["k"]->gone = true;
  // Even for bytes that were here.
  auto refused = get(*a->supply, {mega, mega + 10});
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::io);
  CAF_CHECK(refused.error().message.find("film.mkv: the disk of this worker did not keep") == 0);
  CAF_CHECK(get(*b->supply, {0, 10}).error().code == errc::io);
  CAF_CHECK(one->check_kept().error().code == errc::io);
  CAF_CHECK(two->check_kept().error().code == errc::io);
  // Who comes now gets a file of its own, while the others are still there.
  auto three = f.open();
  auto c = three->file();
  CAF_REQUIRE(get(*c->supply, {0, 10}).has_value());
  CAF_CHECK(holds(*c, f, {0, 10}));
  CAF_CHECK(three->check_kept().has_value());
}

CAF_TEST(an attempt that ends leaves the others what they need) {
  fixture f;
  f.how.give_up = 10s;
  auto one = f.open();
  auto two = f.open();
  auto a = one->file();
  auto b = two->file();
  f.peers->freeze(true);
  auto first = ask(*a->supply, {0, 1000});
  std::this_thread::sleep_for(20ms);
  auto second = ask(*b->supply, {500, 1500});
  std::this_thread::sleep_for(20ms);
  one.reset();
  CAF_CHECK(first.get().error().code == errc::cancelled);
  CAF_CHECK(get(*a->supply, {0, 10}).error().code == errc::cancelled);
  f.peers->freeze(false);
  CAF_REQUIRE(second.wait_for(10s) == std::future_status::ready);
  CAF_CHECK(second.get().has_value());
  CAF_CHECK(holds(*b, f, {500, 1500}));
  // A supply outlives its source, and gives nothing.
  two.reset();
  CAF_CHECK(get(*b->supply, {0, 10}).error().code == errc::cancelled);
}

CAF_TEST(readers of all kinds over seeds get the right bytes) {
  test::for_seeds(20, [](uint64_t seed) {
    std::mt19937_64 random{seed};
    fixture f{1 + random() % (3 * mega)};
    for (auto n = random() % 6; n > 0; --n)
      f.peers->fail(random() % 2 == 0 ? errc::unavailable : errc::io, random() % (200 * kilo));
    std::vector<std::unique_ptr<remote_source>> sources;
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (auto n = 1 + random() % 4; n > 0; --n) {
      sources.push_back(f.open());
      auto file = sources.back()->file(random() % 2 == 0 ? 0 : f.what.size);
      threads.emplace_back([&f, &wrong, file = std::move(*file), own = random()] {
        std::mt19937_64 mine{own};
        auto position = mine() % f.what.size;
        for (int i = 0; i < 60; ++i) {
          if (mine() % 8 == 0 || position == f.what.size)
            position = mine() % f.what.size;
          const auto end = std::min(f.what.size, position + 1 + mine() % (64 * kilo));
          auto there = get(*file.supply, {position, end});
          wrong += !there || there->begin > position || there->end < end || !holds(file, f, {position, end});
          position = end;
        }
      });
    }
    for (auto& t : threads)
      t.join();
    CAF_CHECK_EQUAL(wrong.load(), 0);
    CAF_CHECK(!f.cache->files["k"]->twice);
  });
}

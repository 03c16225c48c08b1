#define CAF_SUITE media.remote_source

#include "actors/media/remote_source.hpp"

#include "tests/support/seeds.hpp"
#include "tests/support/temporary_folder.hpp"

#include <caf/make_message.hpp>

#include <fcntl.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <thread>

using namespace troupe;
using namespace troupe::work;
using namespace std::chrono_literals;

namespace {

constexpr uint64_t kilo = 1024;
constexpr uint64_t mega = 1024 * kilo;

std::string content_of(uint64_t size) {
  std::mt19937_64 random{size};
  std::string out(size, '\0');
  for (auto& c : out)
    c = static_cast<char>(random());
  return out;
}

struct fake_cached final : ports::cached_source {
  fake_cached(std::string where, uint64_t bytes) :
    path(std::move(where)), length(bytes), fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0)
      throw std::runtime_error("no room");
  }
  uint64_t size() const noexcept override {
    return length;
  }
  int descriptor() const noexcept override {
    return fd.get();
  }
  result<unique_fd> open_for_reading() const override {
    return unique_fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  }
  std::vector<byte_span> present() const override {
    std::lock_guard guard{mutex};
    std::vector<byte_span> out;
    for (auto& gap : marked.missing({0, length}))
      if (gap.begin > (out.empty() ? 0 : out.back().end))
        out.push_back(marked.around(gap.begin - 1));
    if (auto last = marked.around(length - 1); last.end == length && last.begin < last.end)
      out.push_back(last);
    return out;
  }
  result<void> mark(byte_span there) override {
    std::lock_guard guard{mutex};
    if (marked.missing(there) != std::vector{there})
      twice = true;
    marked.add(there);
    return {};
  }
  std::string path;
  uint64_t length;
  unique_fd fd;
  mutable std::mutex mutex;
  byte_spans marked;
  std::atomic<bool> twice{false};
};

struct fake_cache final : ports::source_cache {
  result<std::shared_ptr<ports::cached_source>> open(const std::string& key, uint64_t size) override {
    std::lock_guard guard{mutex};
    auto& known = files[key];
    if (!known)
      known = std::make_shared<fake_cached>(folder / key, size);
    return std::shared_ptr<ports::cached_source>{known};
  }
  result<void> make_room(uint64_t) override {
    if (full)
      return {errc::storage_full, "the cache is full"};
    return {};
  }
  void drop(const std::string&) override {
  }
  test::temporary_folder folder;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<fake_cached>> files;
  std::atomic<bool> full{false};
};

/// A node that serves one file, on a thread of its own, as a test wants.
struct fake_peers final : ports::peer_files {
  struct fake_transfer final : ports::transfer {
    void cancel() override {
      cancelled = true;
    }
    std::atomic<bool> cancelled{false};
  };
  struct job {
    ports::range_fetch what;
    std::function<void(uint64_t)> moved;
    std::function<void(fetched)> done;
    std::shared_ptr<fake_transfer> transfer;
  };

  explicit fake_peers(std::string served) : content(std::move(served)), thread([this] { run(); }) {
  }
  ~fake_peers() override {
    {
      std::lock_guard guard{mutex};
      over = true;
      changed.notify_all();
    }
    thread.join();
  }
  std::shared_ptr<ports::transfer> fetch(ports::range_fetch what, std::function<void(uint64_t)> moved,
                                         std::function<void(fetched)> done) override {
    auto transfer = std::make_shared<fake_transfer>();
    std::lock_guard guard{mutex};
    asked.push_back({what.offset, what.offset + what.length});
    jobs.push_back({std::move(what), std::move(moved), std::move(done), transfer});
    changed.notify_all();
    return transfer;
  }
  std::shared_ptr<ports::transfer> push(ports::file_push, std::function<void(uint64_t)>,
                                        std::function<void(result<void>)>) override {
    return nullptr;
  }
  std::shared_ptr<ports::transfer> publish_folder(std::string, std::function<void(result<void>)>) override {
    return nullptr;
  }

  void run() {
    std::unique_lock lock{mutex};
    for (;;) {
      changed.wait(lock, [&] { return over || (!jobs.empty() && !frozen); });
      if (jobs.empty())
        return;
      auto next = std::move(jobs.front());
      jobs.pop_front();
      auto how = frozen ? fetched{0, error{errc::cancelled}} : serve(next);
      lock.unlock();
      if (how.bytes > 0)
        next.moved(how.bytes);
      next.done(std::move(how));
      next = {};
      lock.lock();
    }
  }

  fetched serve(job& x) {
    if (x.transfer->cancelled)
      return {0, error{errc::cancelled}};
    ++served;
    if (x.what.url.find(allowed) == std::string::npos)
      return {0, {errc::forbidden, "the address has expired"}};
    if (!moved_from.empty() && x.what.url.find(moved_from) != std::string::npos)
      return {0, {errc::unavailable, "nobody listens there"}};
    auto bytes = x.what.length;
    error why{errc::none, {}};
    if (!failures.empty()) {
      std::tie(why, bytes) = failures.front();
      bytes = std::min(bytes, x.what.length);
      failures.pop_front();
    }
    if (::pwrite(x.what.descriptor, content.data() + x.what.offset, bytes, static_cast<off_t>(x.what.offset)) < 0)
      return {0, {errc::io, "the descriptor is closed"}};
    total += bytes;
    return {bytes, why};
  }

  void fail(errc code, uint64_t bytes = 0, int times = 1) {
    std::lock_guard guard{mutex};
    for (; times > 0; --times)
      failures.push_back({error{code, "as the test wants"}, bytes});
  }
  void freeze(bool x) {
    std::lock_guard guard{mutex};
    frozen = x;
    changed.notify_all();
  }

  const std::string content;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<job> jobs;
  std::vector<byte_span> asked;
  std::deque<std::pair<error, uint64_t>> failures;
  /// What an address has to hold.
  std::string allowed;
  /// Nobody listens any more where an address has this.
  std::string moved_from;
  bool frozen = false;
  bool over = false;
  int served = 0;
  uint64_t total = 0;
  std::thread thread;
};

struct fixture {
  explicit fixture(uint64_t size = 8 * mega) :
    peers(std::make_shared<fake_peers>(content_of(size))), cache(std::make_shared<fake_cache>()) {
    how.give_up = 300ms;
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
  result<std::string> address() {
    ++addresses;
    if (refuse_address)
      return *refuse_address;
    return "https://north/" + std::to_string(addresses);
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
  auto other = silent.open();
  auto waits = other->file();
  silent.peers->freeze(true);
  since = std::chrono::steady_clock::now();
  CAF_CHECK(get(*waits->supply, {0, 10}).error().code == errc::unavailable);
  CAF_CHECK(std::chrono::steady_clock::now() - since >= 300ms);
}

CAF_TEST(a file that is another one by now or is gone) {
  const std::pair<errc, errc> cases[]{{errc::conflict, errc::io}, {errc::not_found, errc::not_found}};
  for (auto [said, code] : cases) {
    fixture f;
    auto source = f.open();
    auto file = source->file();
    f.peers->fail(said);
    auto refused = get(*file->supply, {0, 10});
    CAF_REQUIRE(!refused);
    CAF_CHECK(refused.error().code == code);
    CAF_CHECK(refused.error().message.find("while it was read") != std::string::npos || said == errc::not_found);
    auto served = f.peers->served;
    CAF_CHECK(get(*file->supply, {0, 10}).error().code == code);
    CAF_CHECK_EQUAL(f.peers->served, served);
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

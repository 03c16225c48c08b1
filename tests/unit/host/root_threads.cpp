#define CAF_SUITE host.root_threads

#include "host/root_threads.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

using namespace troupe;
using namespace troupe::host;
using namespace std::chrono_literals;

namespace {

/// What calls on a mount do that hangs, until it is well again.
class mount {
public:
  void call() {
    std::unique_lock lock{mutex_};
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return well_; });
    --inside_;
    changed_.notify_all();
  }
  void gets_well() {
    std::lock_guard guard{mutex_};
    well_ = true;
    changed_.notify_all();
  }
  bool has_inside(size_t count) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, 5s, [&] { return inside_ == count; });
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t inside_ = 0;
  bool well_ = false;
};

template <class F>
bool soon(F f) {
  for (int i = 0; i < 500; ++i) {
    if (f())
      return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

struct fixture {
  std::shared_ptr<mount> hung = std::make_shared<mount>();
  std::shared_ptr<std::atomic<int>> done = std::make_shared<std::atomic<int>>(0);

  std::function<void()> hanging() const {
    return [hung = hung, done = done] {
      hung->call();
      ++*done;
    };
  }
  std::function<void()> quick() const {
    return [done = done] { ++*done; };
  }
  ~fixture() {
    hung->gets_well();
    CAF_CHECK(hung->has_inside(0));
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(root_threads_tests, fixture)

CAF_TEST(a root that hangs keeps its own threads and nobody elses) {
  root_threads threads;
  for (int i = 0; i < 10; ++i)
    CAF_REQUIRE(threads.begin("nfs", hanging()).has_value());
  CAF_REQUIRE(hung->has_inside(2));
  for (int i = 0; i < 50; ++i)
    CAF_REQUIRE(threads.begin("disk", quick()).has_value());
  for (int i = 0; i < 50; ++i)
    CAF_REQUIRE(threads.go_on("disk", quick()).has_value());
  CAF_CHECK(soon([&] { return *done == 100; }));
  CAF_CHECK(hung->has_inside(2));
  CAF_CHECK_LESS_OR_EQUAL(threads.count(), 4u);
  hung->gets_well();
  CAF_CHECK(soon([&] { return *done == 110; }));
}

CAF_TEST(no more than so much waits and nothing begins where all hangs) {
  root_threads_options how;
  how.most_waiting = 5;
  how.patience = 200ms;
  root_threads threads{how};
  CAF_REQUIRE(threads.begin("nfs", hanging()).has_value());
  CAF_REQUIRE(threads.begin("nfs", hanging()).has_value());
  CAF_REQUIRE(hung->has_inside(2));
  for (int i = 0; i < 5; ++i)
    CAF_CHECK(threads.begin("nfs", quick()).has_value());
  auto refused = threads.begin("nfs", quick());
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::rate_limited);
  CAF_CHECK(refused.error().retry_after > 0ms);
  CAF_CHECK(refused.error().message.find("too many requests wait") != std::string::npos);
  // What has begun goes on when it can.
  CAF_CHECK(threads.go_on("nfs", quick()).has_value());
  std::this_thread::sleep_for(250ms);
  refused = threads.begin("nfs", quick());
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::unavailable);
  CAF_CHECK(refused.error().message.find("has not answered for") != std::string::npos);
  CAF_CHECK_EQUAL(threads.count(), 2u);
  hung->gets_well();
  CAF_CHECK(soon([&] { return *done == 8; }));
  CAF_CHECK(threads.begin("nfs", quick()).has_value());
  CAF_CHECK(soon([&] { return *done == 9; }));
}

CAF_TEST(threads end when there is nothing to do) {
  root_threads_options how;
  how.idle = 50ms;
  root_threads threads{how};
  for (int i = 0; i < 20; ++i)
    CAF_REQUIRE(threads.begin("root " + std::to_string(i), quick()).has_value());
  CAF_CHECK(soon([&] { return *done == 20 && threads.count() == 0; }));
  CAF_CHECK(threads.begin("root 1", quick()).has_value());
  CAF_CHECK(soon([&] { return *done == 21; }));
}

CAF_TEST(the end waits for what runs but not for what hangs) {
  auto slow = [done = done] {
    std::this_thread::sleep_for(100ms);
    ++*done;
  };
  std::optional<root_threads> threads;
  threads.emplace();
  CAF_REQUIRE(threads->begin("disk", slow).has_value());
  std::this_thread::sleep_for(20ms);
  threads.reset();
  CAF_CHECK_EQUAL(done->load(), 1);
  threads.emplace();
  for (int i = 0; i < 5; ++i)
    CAF_REQUIRE(threads->begin("nfs", hanging()).has_value());
  CAF_REQUIRE(hung->has_inside(2));
  const auto begin = std::chrono::steady_clock::now();
  threads.reset();
  CAF_CHECK(std::chrono::steady_clock::now() - begin < 3s);
  CAF_CHECK(hung->has_inside(2));
  // They come back to nobody; what waited is dropped.
  hung->gets_well();
  CAF_CHECK(soon([&] { return *done == 3; }));
  std::this_thread::sleep_for(50ms);
  CAF_CHECK_EQUAL(done->load(), 3);
}

CAF_TEST_FIXTURE_SCOPE_END()

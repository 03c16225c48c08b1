#define CAF_SUITE cluster.disk_gauge

#include "actors/cluster/disk_gauge.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <map>

using namespace troupe;
using namespace troupe::cluster;

namespace {

/// Runs what a root was given when the test says so.
class held_threads final : public ports::root_threads {
public:
  result<void> begin(const std::string& root, std::function<void()> task) override {
    if (refuses)
      return {errc::unavailable, "all of its threads hang"};
    waiting[root].push_back(std::move(task));
    return {};
  }
  result<void> go_on(const std::string& root, std::function<void()> task) override {
    return begin(root, std::move(task));
  }
  void run(const std::string& root) {
    for (auto& task : std::exchange(waiting[root], {}))
      task();
  }

  std::map<std::string, std::vector<std::function<void()>>> waiting;
  bool refuses = false;
};

struct fixture {
  std::shared_ptr<held_threads> threads = std::make_shared<held_threads>();
  uint64_t free = 10;
  bool gone = false;

  disk_gauge::disk disk(std::string use) {
    return {use, use, [this]() -> result<disk_space> {
              if (gone)
                return {errc::io, "it is gone"};
              return disk_space{{}, 100, free};
            }};
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(disk_gauge_tests, fixture)

CAF_TEST(each call gives what was found since the last one and looks again) {
  disk_gauge uut{{disk("data"), disk("cache")}, threads};
  CAF_CHECK(uut.next().empty());
  threads->run("data");
  threads->run("cache");
  CAF_CHECK((uut.next() == std::vector<disk_space>{{"data", 100, 10}, {"cache", 100, 10}}));
  free = 9;
  threads->run("data");
  threads->run("cache");
  CAF_CHECK((uut.next() == std::vector<disk_space>{{"data", 100, 9}, {"cache", 100, 9}}));
}

CAF_TEST(a disk that hangs has no figure and gets no second look) {
  disk_gauge uut{{disk("data"), disk("cache")}, threads};
  for (int i = 0; i < 100; ++i) {
    threads->run("cache");
    CAF_CHECK((uut.next() == std::vector<disk_space>{{"cache", 100, 10}}));
  }
  CAF_CHECK_EQUAL(threads->waiting["data"].size(), 1u);
  threads->run("data");
  threads->run("cache");
  CAF_CHECK_EQUAL(uut.next().size(), 2u);
}

CAF_TEST(a disk that can not be looked at is tried again) {
  threads->refuses = true;
  disk_gauge uut{{disk("data")}, threads};
  CAF_CHECK(uut.next().empty());
  threads->refuses = false;
  CAF_CHECK(uut.next().empty());
  gone = true;
  threads->run("data");
  CAF_CHECK(uut.next().empty());
  gone = false;
  threads->run("data");
  CAF_CHECK_EQUAL(uut.next().size(), 1u);
}

CAF_TEST(a look may outlive the gauge and a gauge its threads) {
  auto uut = std::make_unique<disk_gauge>(std::vector{disk("data")}, threads);
  auto hung = std::move(threads->waiting["data"]);
  uut.reset();
  for (auto& task : hung)
    task();
  uut = std::make_unique<disk_gauge>(std::vector{disk("data")}, threads);
  threads.reset();
  CAF_CHECK(uut->next().empty());
}

CAF_TEST_FIXTURE_SCOPE_END()

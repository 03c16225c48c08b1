#define CAF_SUITE media.work_threads

#include "actors/media/work_threads.hpp"

#include "tests/support/unit_test.hpp"

#include <future>
#include <memory>

using namespace troupe::work;

namespace {

/// Owns the threads that it runs on, and tells when it has let go of them.
struct owner {
  std::shared_ptr<work_threads> threads;
  std::promise<void>* gone;

  ~owner() {
    threads.reset();
    gone->set_value();
  }
};

} // namespace

CAF_TEST(the last owner of threads may be what runs on one of them) {
  for (size_t most : {1, 3}) {
    auto threads = std::make_shared<work_threads>(most);
    std::promise<void> go, gone;
    auto last = std::make_shared<owner>();
    last->threads = threads;
    last->gone = &gone;
    threads->post([last, wait = go.get_future().share()] { wait.wait(); });
    last.reset();
    threads.reset();
    go.set_value();
    CAF_REQUIRE(gone.get_future().wait_for(std::chrono::seconds{10}) == std::future_status::ready);
  }
}

#define CAF_SUITE dispatch.figures

#include "actors/dispatch/job_queue.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <cstdio>
#include <malloc.h>
#include <random>

using namespace troupe;
using namespace troupe::dispatch;

namespace {

struct bench_queue {
  bench_queue() : queue(config(), clocks, [this] { return rng(); }) {
    queue.recover(1, {});
  }
  static queue_config config() {
    queue_config c;
    c.defaults = {{"default", false, 0, 2'000'000}};
    return c;
  }
  void add_workers(uint64_t n, uint32_t slots) {
    for (uint64_t i = 1; i <= n; ++i)
      queue.join({worker_protocol_version, worker_id{{i, 1}}, "w", {"noop"}, {{"default", slots}}, {}, {}, false});
  }
  void submit(size_t n) {
    std::vector<job_spec> specs(n);
    for (auto& s : specs)
      s.kind = "noop";
    if (!queue.submit(std::move(specs)))
      CAF_FAIL("refused");
  }
  /// Assigns, commits, completes and commits; how many.
  size_t work() {
    queue.assign();
    auto assigned = queue.take().effects.assignments;
    for (auto& [worker, a] : assigned) {
      attempt_outcome o;
      o.token = a.token;
      queue.hand_in(worker, o);
    }
    queue.take();
    return assigned.size();
  }

  system_clocks clocks;
  std::mt19937_64 rng{1};
  job_queue queue;
};

double seconds_since(std::chrono::steady_clock::time_point t) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
}

} // namespace

CAF_TEST(jobs a second from submission to completion) {
  bench_queue b;
  b.add_workers(1'000, 2);
  size_t done = 0;
  auto started = std::chrono::steady_clock::now();
  while (done < 200'000) {
    b.submit(100);
    b.queue.take();
    done += b.work();
  }
  std::printf("dispatch.figures: %.0f submit+assign+complete cycles a second, 1,000 workers\n",
              static_cast<double>(done) / seconds_since(started));
  CAF_CHECK_EQUAL(b.queue.size(), 10u);
}

CAF_TEST(memory of queued jobs) {
  constexpr size_t n = 100'000;
  bench_queue b;
  auto before = mallinfo2().uordblks + mallinfo2().hblkhd;
  for (size_t i = 0; i < n; i += 100) {
    b.submit(100);
    b.queue.take();
  }
  auto after = mallinfo2().uordblks + mallinfo2().hblkhd;
  std::printf("dispatch.figures: %zu bytes a queued job\n", (after - before) / n);
  b.add_workers(1'000, 1);
  size_t done = 0;
  auto started = std::chrono::steady_clock::now();
  while (done < n)
    done += b.work();
  std::printf("dispatch.figures: %.0f assign+complete cycles a second with %zu jobs queued\n",
              static_cast<double>(done) / seconds_since(started), n);
}
